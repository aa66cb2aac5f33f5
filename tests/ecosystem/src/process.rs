//! Servers of other projects, as processes of a test.

use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take for its next line.
const LIMIT: Duration = Duration::from_secs(60);

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// What it writes. In a mutex, so that tests may share a server in a static.
    lines: Mutex<Receiver<String>>,
    /// What it has written, as far as that was read: its output and its errors.
    pub written: String,
}

impl Server {
    /// Starts a server, and waits for the line in which it says that it is ready.
    ///
    /// # Errors
    ///
    /// What the server has written, if it ends before that or is not ready after a minute.
    pub fn start(command: &mut Command, ready: &str) -> Result<Server, String> {
        let (reader, writer) = io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let process = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        command.stdout(Stdio::null()).stderr(Stdio::null()); // Only the server has the pipe now.
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                let _ = sender.send(line); // To the end, so that the server never waits for room.
            }
        });
        let mut server = Server { process, lines: Mutex::new(lines), written: String::new() };
        server.read_until(ready)?;
        Ok(server)
    }

    /// Reads on to a line that contains `text`.
    ///
    /// # Errors
    ///
    /// What the server has written, if it ends before that or says nothing for a minute.
    pub fn read_until(&mut self, text: &str) -> Result<(), String> {
        loop {
            let line = self.lines.get_mut().unwrap().recv_timeout(LIMIT).map_err(|_| self.written.clone())?;
            let is_found = line.contains(text);
            self.written += &(line + "\n");
            if is_found {
                return Ok(());
            }
        }
    }

    /// Sends an interrupt, as Ctrl-C does, unless the server has ended.
    pub fn interrupt(&mut self) {
        self.send(Signal::INT);
    }

    /// Sends a signal, unless the server has ended.
    pub fn send(&mut self, signal: Signal) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.process), signal);
        }
    }

    /// Waits for the end of the server, and reads all that it has written.
    ///
    /// # Panics
    ///
    /// If it says nothing for a minute, and does not end.
    pub fn ended(&mut self) -> ExitStatus {
        loop {
            match self.lines.get_mut().unwrap().recv_timeout(LIMIT) {
                Ok(line) => self.written += &(line + "\n"),
                Err(RecvTimeoutError::Disconnected) => return self.process.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("the server goes on: {}", self.written),
            }
        }
    }
}

impl Drop for Server {
    /// Interrupts the server, and kills it if that does not end it. (What a shell starts in the background
    /// may ignore interrupts.)
    fn drop(&mut self) {
        self.interrupt();
        for _ in 0..300 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Finds a program, in the folders of `PATH` and in others. If it is not there, the test is to be skipped,
/// and this prints so; with `ECOSYSTEM=required` in the environment it panics.
pub fn program(name: &str, others: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(others);
    let found = folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()));
    if found.is_none() {
        let required = env::var_os("ECOSYSTEM").as_deref() == Some(OsStr::new("required"));
        assert!(!required, "there is no {name} on this machine");
        // Not `eprintln`, whose output is not shown if the test passes.
        let _ = writeln!(io::stderr(), "skipped: there is no {name} on this machine");
    }
    found
}

/// Returns a port of the loopback device that was free just now. Another process may take it before the
/// server does: try again then.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
