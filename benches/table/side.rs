//! One side of a row: a peer, in a process of its own.
//!
//! Runtimes keep thread-local state, lock memory, start threads, and may abort where something is missing. So
//! the program runs itself for each side of each row, as a child. The parent asks for a round with a line,
//! and the child answers with what an operation took. Until it is asked, a child sleeps in a read.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::peer::Peer;
use super::rows::Round;

/// A child's work: its command line.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub peer: &'a str,
    pub row: &'a str,
    pub operations: usize,
}

const FLAG: &str = "--side";

/// The child runs one round at once, and prints nothing: for profilers, and for the tools that count.
pub const ONE_ROUND: &str = "--one-round";

/// The longest that a round may take.
const TIME_LIMIT: Duration = Duration::from_secs(30);

impl Job<'_> {
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
    let job = Job { peer, row, operations };
    let run = job.start(peers);
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
    pub job: Job<'a>,
    process: Process,
    pub rounds: Vec<f64>,
}

impl Side<'_> {
    pub fn start(job: Job) -> io::Result<Side> {
        Ok(Side { process: Process::start(&job)?, job, rounds: Vec::new() })
    }

    /// Replaces the child. Where its memory lies is chance, and may make all its rounds slower.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = Process::start(&self.job)?;
        Ok(())
    }

    /// Has the child run a round, and keeps its figure if asked to. The error is why it failed.
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
    stderr: Option<JoinHandle<io::Result<String>>>,
}

impl Process {
    fn start(job: &Job) -> io::Result<Process> {
        let mut command = job.command(&[]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let stderr = child.stderr.take().expect("it is piped");
        let (sends, answers) = channel();
        // A receive from a channel can have a time limit, a read of a line cannot.
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sends.send(line)));
        // Unread, a long output would block the child.
        let stderr = Some(thread::spawn(|| io::read_to_string(stderr)));
        Ok(Process { child, answers, stderr })
    }

    fn ask(&mut self) -> Result<f64, String> {
        // If the child is gone, the write fails, and so does the read.
        let _ = writeln!(self.child.stdin.as_mut().expect("it is piped"));
        match self.answers.recv_timeout(TIME_LIMIT) {
            Ok(answer) => answer.parse().map_err(|_| format!("answers {answer}")),
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                Err("no answer in half a minute".to_owned())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let ended = self.child.wait().map_err(|error| error.to_string())?;
                let stderr = self.stderr.take().and_then(|reader| reader.join().ok());
                let printed = stderr.and_then(Result::ok).unwrap_or_default();
                Err(why_it_failed(&printed, ended))
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

/// Returns the message of a child's panic, or else how it ended.
pub fn why_it_failed(printed: &str, ended: ExitStatus) -> String {
    let mut lines = printed.lines().skip_while(|line| !line.contains("panicked at")).skip(1);
    match lines.next() {
        Some(message) => message.trim().chars().take(160).collect(),
        None => ended.to_string(),
    }
}
