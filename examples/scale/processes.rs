//! Processes in a ring: this same program, each reading from a pipe into which the one before
//! writes.

use std::env;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::ring::{Ring, after};

pub(crate) struct Processes {
    /// The pipe to the first.
    first: Option<ChildStdin>,
    /// The pipe from the last.
    last: Option<ChildStdout>,
    children: Vec<Child>,
}

/// Waits until it has the token, a byte, and hands it on. Returns an error at the end of the ring, when
/// a neighbour has closed its pipe.
pub(crate) fn member() -> io::Result<()> {
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    let mut token = [0];
    loop {
        stdin.read_exact(&mut token)?;
        stdout.write_all(&token)?;
        stdout.flush()?;
    }
}

impl Ring for Processes {
    fn start(number: usize) -> io::Result<Processes> {
        let mut ring = Processes { first: None, last: None, children: Vec::new() };
        for me in 0..number {
            ring.start_one().map_err(|why| after(me, &why))?;
        }
        Ok(ring)
    }

    fn round(&mut self) -> io::Result<()> {
        let mut token = [0];
        if let (Some(first), Some(last)) = (&mut self.first, &mut self.last) {
            first.write_all(&token)?;
            last.read_exact(&mut token)?;
        }
        Ok(())
    }

    fn children(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }
}

impl Processes {
    fn start_one(&mut self) -> io::Result<()> {
        let stdin = self.last.take().map_or_else(Stdio::piped, Stdio::from);
        let mut child = Command::new(env::current_exe()?)
            .arg("--member")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        self.first = self.first.take().or(child.stdin.take());
        self.last = child.stdout.take();
        self.children.push(child);
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
