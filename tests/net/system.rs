//! Descriptors and signals on Unix: the descriptor of a socket, a process that may open no more of them, and
//! a signal that interrupts a park. Each test of a limit or a signal runs in a process of its own.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use boucle::net::{ServeError, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, serve};
use boucle::{EventLoop, now, timeout};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::{TempPath, assert_tried, refused};
use crate::common::{
    LONG, assert_passed, child, is_child, listen, own_binary, pair_with_std, passes_alone, read_until, run,
    virtually,
};

/// A socket shows its descriptor, so that other crates can use it.
#[test]
fn a_socket_shows_its_descriptor() {
    fn shows(socket: impl AsFd + AsRawFd) {
        assert_eq!(socket.as_fd().as_raw_fd(), socket.as_raw_fd());
    }
    run(async {
        let (listener, address) = listen().await;
        shows(TcpStream::connect(address).await.unwrap());
        shows(listener);
    });
}

/// Returns a command that runs this binary with at most forty open files.
fn with_few_descriptors() -> Command {
    let mut command = Command::new("sh");
    let limit = "ulimit -n 40; exec \"$0\" \"$@\"";
    command.args(["-c", limit]).arg(own_binary().get_program());
    command
}

/// When no descriptor is left, `accept` returns the error. When there are some again, the same listener
/// accepts the connection that waited.
#[test]
fn a_listener_outlives_a_lack_of_descriptors() {
    if passes_alone(with_few_descriptors(), "system::a_listener_outlives_a_lack_of_descriptors") {
        return;
    }
    run(async {
        let (listener, address) = listen().await;
        let client = std::net::TcpStream::connect(address).unwrap();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        for _ in 0..3 {
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(24), "EMFILE: {error}");
        }
        drop(hoard);
        let (mut stream, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        (&client).write_all(b"fine").unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 4);
        drop(listener);
    });
}

/// A loop with a virtual clock opens its poller for its first socket. Where there are too few descriptors for
/// that, the error of a bind still says what was tried, and no file is left: with more of them it succeeds.
#[test]
fn a_bind_without_a_poller_says_what_was_tried() {
    if passes_alone(with_few_descriptors(), "system::a_bind_without_a_poller_says_what_was_tried") {
        return;
    }
    let at = TempPath::new("system-bind");
    let (any, path) = ("127.0.0.1:0", at.display());
    let mut hoard = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
    }
    hoard.pop(); // for a socket; a poller takes more
    let errors = [
        (virtually(TcpListener::bind(any)).unwrap_err(), format!("cannot listen on {any}")),
        (virtually(UdpSocket::bind(any)).unwrap_err(), format!("cannot bind to {any}")),
        (virtually(async { UnixListener::bind(&at) }).unwrap_err(), format!("cannot listen on {path}")),
        (virtually(async { UnixDatagram::bind(&at) }).unwrap_err(), format!("cannot bind to {path}")),
    ];
    for (error, tried) in errors {
        let kind = error.kind();
        assert_tried(error, kind, &tried);
    }
    drop(hoard);
    virtually(async { UnixListener::bind(&at) }).unwrap();
}

/// When no descriptor is left, a server tries again after a second, and then serves the client that waited.
/// (Time is virtual: it jumps to the next try.)
#[test]
fn a_server_outlives_a_lack_of_descriptors() {
    if passes_alone(with_few_descriptors(), "system::a_server_outlives_a_lack_of_descriptors") {
        return;
    }
    let times = Rc::new(RefCell::new(Vec::new()));
    virtually(async {
        let (listener, address) = listen().await;
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"fine").unwrap();
        let mut hoard = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            hoard.push(file);
        }
        let (errors, served) = (times.clone(), times.clone());
        let (stop, stopped) = async_channel::bounded(1);
        let server = serve(listener, move |mut stream, _| {
            served.borrow_mut().push(now());
            let stop = stop.clone();
            async move {
                assert_eq!(stream.read(&mut [0; 8]).await?, 4);
                stop.try_send(()).unwrap();
                io::Result::Ok(())
            }
        })
        .on_error(move |error| {
            let ServeError::Accept(error) = error else { panic!("{error}") };
            assert_eq!(error.raw_os_error(), Some(24), "EMFILE: {error}");
            errors.borrow_mut().push(now());
            if errors.borrow().len() == 3 {
                hoard.clear();
            }
        })
        .shutdown_when(async move { stopped.recv().await });
        timeout(LONG, server).await.expect("the test hangs").unwrap();
    });
    let times = times.take();
    let since_first = times.iter().map(|time| (*time - times[0]).as_millis());
    assert_eq!(since_first.collect::<Vec<_>>(), [0, 1_000, 2_000, 3_000]);
}

/// A process that may open forty files makes three hundred connections, one after the other, then a hundred
/// loops: each frees its descriptors when it is dropped.
#[test]
fn a_closed_socket_gives_its_descriptor_back() {
    if passes_alone(with_few_descriptors(), "system::a_closed_socket_gives_its_descriptor_back") {
        return;
    }
    run(async {
        let (listener, address) = listen().await;
        for _ in 0..300 {
            let mut client = TcpStream::connect(address).await.unwrap();
            let (mut server, _) = listener.accept().await.unwrap();
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
            assert!(TcpStream::connect(refused()).await.is_err());
        }
    });
    for _ in 0..100 {
        drop(EventLoop::new().unwrap());
    }
}

/// A process may forbid itself to open files, as sandboxes do. A short sleep still ends, although `ppoll`
/// then refuses even one descriptor. (Not where mio itself uses `poll`.)
#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
#[test]
fn a_short_sleep_needs_no_right_to_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    if passes_alone(own_binary(), "system::a_short_sleep_needs_no_right_to_open_files") {
        return;
    }
    run(async {
        let some = getrlimit(Resource::Nofile);
        let none = Rlimit { current: Some(0), ..some };
        setrlimit(Resource::Nofile, none).unwrap();
        for _ in 0..3 {
            boucle::sleep(Duration::from_micros(100)).await;
        }
        // A leak checker opens files when the process ends.
        setrlimit(Resource::Nofile, some).unwrap();
    });
}

/// A signal that interrupts a park is no error. (The child is stopped and continued, which interrupts its
/// system call.)
#[test]
fn a_signal_while_parked_is_no_error() {
    use std::io::BufReader;
    use std::process::Stdio;

    const TEST: &str = "system::a_signal_while_parked_is_no_error";
    if is_child(TEST) {
        return run(async {
            let (mut stream, peer) = pair_with_std().await;
            // The other thread ends the wait; until then only signals can.
            let other = thread::spawn(move || {
                let mut line = String::new();
                io::stdin().read_line(&mut line).unwrap();
                drop(peer);
            });
            println!("\nparked");
            assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
            other.join().unwrap();
        });
    }
    let mut child = child(TEST, TEST)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    read_until("parked", &mut out);
    for signal in ["-STOP", "-CONT", "-STOP", "-CONT", "-STOP", "-CONT"] {
        // Time for the child to park.
        thread::sleep(Duration::from_millis(20));
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let mut output = child.wait_with_output().unwrap();
    out.read_to_end(&mut output.stdout).unwrap();
    assert_passed(&output);
}
