//! One side of a row: a peer at work, in a process of its own.
//!
//! Runtimes keep thread-local state, lock memory, start threads, and may abort where something is
//! missing. So the program runs itself for each side of each row: the parent asks for a round with a
//! line, and the child answers with what an operation took. Until it is asked, a side sleeps in a read.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::peer::Peer;
use super::rows::Round;

/// What a child is to do: its command line.
#[derive(Clone, Copy)]
pub struct Errand<'a> {
    pub peer: &'a str,
    pub row: &'a str,
    pub operations: usize,
}

const FLAG: &str = "--side";

/// For tools that count and for profilers: the child runs one round at once, and prints nothing.
pub const ONE_ROUND: &str = "--one-round";

/// The longest that a round may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Errand<'_> {
    /// The command that runs this program as a child, under a tool if one is given.
    pub fn command(&self, tool: &[&str]) -> Command {
        let program = env::current_exe().expect("this program has a path");
        let mut words = tool.iter().map(OsString::from).chain([program.into_os_string()]);
        let mut command = Command::new(words.next().expect("there is the program"));
        command.args(words);
        command.args([FLAG, self.peer, self.row, &self.operations.to_string()]);
        command
    }

    fn start(&self, peers: &[Peer]) -> Round {
        let peer = peers.iter().find(|peer| peer.name == self.peer);
        let row = peer.expect("there is such a peer").row(self.row);
        (row.expect("the peer has such a row").start)()
    }
}

/// The child: does what the command line says. Returns false if this program is not a child.
pub fn serve(peers: &[Peer]) -> bool {
    let given: Vec<String> = env::args().skip(1).collect();
    let [flag, peer, row, operations, one_round @ ..] = &given[..] else {
        return false;
    };
    if flag != FLAG {
        return false;
    }
    let operations = operations.parse().expect("a number");
    let errand = Errand { peer, row, operations };
    let run = errand.start(peers);
    if one_round.is_empty() {
        for _asked in io::stdin().lines() {
            println!("{}", run(operations));
        }
    } else {
        run(operations);
    }
    true
}

/// The parent's end: one child after another, and what their rounds took.
pub struct Side<'a> {
    pub errand: Errand<'a>,
    process: Process,
    pub rounds: Vec<f64>,
}

impl Side<'_> {
    pub fn start(errand: Errand) -> io::Result<Side> {
        Ok(Side { process: Process::start(&errand)?, errand, rounds: Vec::new() })
    }

    /// Replaces the child. Where its memory lies is chance, and a bad place is bad in all of its rounds.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = Process::start(&self.errand)?;
        Ok(())
    }

    /// Has the child run a round, which is kept unless it warms up. The error is why it could not.
    pub fn round(&mut self, keeps: bool) -> Result<(), String> {
        let took = self.process.ask()?;
        if keeps {
            self.rounds.push(took);
        }
        Ok(())
    }
}

/// A child at work.
struct Process {
    child: Child,
    answers: Receiver<String>,
    complaints: Option<JoinHandle<io::Result<String>>>,
}

impl Process {
    fn start(errand: &Errand) -> io::Result<Process> {
        let mut command = errand.command(&[]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let stderr = child.stderr.take().expect("it is piped");
        let (sends, answers) = channel();
        // A channel can be waited for with a time limit, a line cannot.
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sends.send(line)));
        // A child that complains a lot must not wait for a reader.
        let complaints = Some(thread::spawn(|| io::read_to_string(stderr)));
        Ok(Process { child, answers, complaints })
    }

    fn ask(&mut self) -> Result<f64, String> {
        // If the child is gone, the write fails, and so does the read.
        let _ = writeln!(self.child.stdin.as_mut().expect("it is piped"));
        match self.answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer.parse().map_err(|_| format!("answers {answer}")),
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                Err("no answer in half a minute".to_owned())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = self.child.wait().map_err(|error| error.to_string())?;
                let complaints = self.complaints.take().and_then(|reader| reader.join().ok());
                let said = complaints.and_then(Result::ok).unwrap_or_default();
                Err(last_words(&said, ended))
            }
        }
    }
}

impl Drop for Process {
    /// The child ends with its input, which is closed here.
    fn drop(&mut self) {
        let _ = self.child.wait();
    }
}

/// Why a child failed: the message of its panic, or how it ended.
pub fn last_words(said: &str, ended: ExitStatus) -> String {
    let mut lines = said.lines().skip_while(|line| !line.contains("panicked at")).skip(1);
    match lines.next() {
        Some(message) => message.trim().chars().take(160).collect(),
        None => ended.to_string(),
    }
}
