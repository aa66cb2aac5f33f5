//! `echo`: two servers that do the same.

use std::io::{self, BufRead, BufReader, Lines, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use stage::stdout::capture;
use stage::testing::{documented, expect_usage, program, wait};

#[path = "../../echo/callbacks.rs"]
#[allow(dead_code)] // The server itself is run as a program.
mod callbacks;
#[path = "../../echo/report.rs"]
mod report;

use callbacks::Next;

/// How long a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program, killed on drop.
struct Echo {
    child: Child,
    /// What it prints after the ports. (If nothing read that, the next line would end the program.)
    lines: Lines<BufReader<ChildStdout>>,
    /// Of the server with callbacks, and of the one with coroutines.
    ports: [u16; 2],
}

impl Echo {
    fn start(options: &[&str]) -> Echo {
        Echo::start_by(Command::new(program("echo")).args(options))
    }

    fn start_by(command: &mut Command) -> Echo {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let documented = documented("echo/main.rs");
        let ports = [0, 1].map(|line: usize| {
            let announced = lines.next().unwrap().unwrap();
            let (before, port) = announced.rsplit_once(' ').unwrap();
            assert!(documented[line].starts_with(before), "{announced}");
            port.trim_end_matches("`)").parse().unwrap()
        });
        Echo { child, lines, ports }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads what the server sends, to the end.
fn answer(mut client: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_client_gets_its_bytes_back_and_then_the_end() {
    let mut echo = Echo::start(&["--once"]);
    for port in echo.ports {
        let mut client = connect(port);
        client.write_all("ping, écho".as_bytes()).unwrap();
        assert_eq!(answer(client), "ping, écho".as_bytes());
    }
    assert!(wait(&mut echo.child).success());
}

/// The client that is served need not be the first: with `--once`, too, a silent one does not hold up the next.
#[test]
fn with_once_each_server_ends_after_one_client() {
    let mut echo = Echo::start(&["--once"]);
    let silent = echo.ports.map(connect);
    for port in echo.ports {
        let mut client = connect(port);
        client.write_all(b"ping").unwrap();
        assert_eq!(answer(client), b"ping");
    }
    assert!(wait(&mut echo.child).success());
    drop(silent);
}

/// Clients that are silent, that only close, or that go away do not keep others from being served.
#[test]
fn a_silent_client_keeps_no_other_waiting() {
    let echo = Echo::start(&[]);
    for port in echo.ports {
        let _silent = connect(port);
        let closed = connect(port);
        closed.shutdown(Shutdown::Write).unwrap();
        drop(connect(port));
        for _ in 0..3 {
            let mut client = connect(port);
            client.write_all(b"ping").unwrap();
            assert_eq!(answer(client), b"ping");
        }
        assert_eq!(answer(closed), b"");
    }
}

/// A client that sends more than a server reads gets its first bytes back and then the end. It is no reset,
/// although the server closes a socket that still holds bytes. (Other systems may report one even so.)
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_sends_too_much_gets_an_answer_and_then_the_end() {
    let echo = Echo::start(&[]);
    let data: Vec<_> = (0..200_000).map(|n: u32| n as u8).collect();
    for port in echo.ports {
        let mut client = connect(port);
        // The server may have closed before it has all of them.
        let _ = client.write_all(&data);
        let answer = answer(client);
        assert!(!answer.is_empty() && data.starts_with(&answer), "{}", answer.len());
    }
}

/// When descriptors have run out, and the other server's clients give them back, a client that waits is
/// accepted, though no event reports that.
#[cfg(unix)]
#[test]
fn a_client_that_waits_is_accepted_when_descriptors_are_free_again() {
    let mut limited = Command::new("sh");
    let mut echo = Echo::start_by(limited.args(["-c", "ulimit -n 32; exec \"$0\""]).arg(program("echo")));
    let [callbacks, coroutines] = echo.ports;
    let first = connect(callbacks);
    first.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(first), b""); // it has what it needs to serve
    let silent: Vec<_> = (0..32).map(|_| connect(coroutines)).collect();
    let refused = |line: String| assert!(line.starts_with("(cannot accept a connection: "), "{line}");
    echo.lines.next().unwrap().map(refused).unwrap();
    let mut client = connect(callbacks);
    client.write_all(b"ping").unwrap();
    for _ in 0..4 {
        echo.lines.next().unwrap().map(refused).unwrap(); // two at most in 100 ms: by now both have tried
    }
    drop(silent);
    assert_eq!(answer(client), b"ping");
}

/// The client receives the whole of an answer that the kernel takes in pieces.
#[test]
fn an_answer_that_is_written_in_pieces_is_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = connect(listener.local_addr().unwrap().port());
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    // More than a socket takes at once.
    let data: Vec<_> = (0..16 << 20).map(|n: u32| n as u8).collect();
    let mut next = callbacks::write(mio::net::TcpStream::from_std(server), data.clone()).unwrap();
    assert!(matches!(next, Next::OnWritable(..)));
    let reader = thread::spawn(move || answer(client));
    while let Next::OnWritable(server, callback) = next {
        next = callback(server).unwrap();
    }
    assert!(matches!(next, Next::Closed));
    assert!(reader.join().unwrap() == data);
}

#[test]
fn a_lost_client_is_reported_with_the_reason() {
    let ((), printed) = capture(|| report::lost(&io::Error::other("why")));
    assert_eq!(printed, ["(a client was lost: why)"]);
}

#[test]
fn echo_answers_help_and_refuses_unknown_options() {
    expect_usage("echo", "--once");
}
