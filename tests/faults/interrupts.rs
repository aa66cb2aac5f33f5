//! A signal interrupts each system call. strace lets the n-th call fail with `EINTR`, so the call does not
//! depend on time.

use std::env::temp_dir;
use std::io::{IoSlice, IoSliceMut};
use std::process::{self, Command};
use std::time::Duration;
use std::{fs, thread};

use boucle::net::{TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use boucle::{now, sleep};
use futures_lite::future::{try_zip, zip};
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::common::{byte_at, is_child, listen, ms, own_binary, passes_alone, run};

const TEST: &str = "interrupts::a_signal_at_any_call_is_no_error";

/// The calls that the program below makes on its sockets, on the poller, and to end a park.
const CALLS: [&str; 10] = [
    "accept4",
    "connect",
    "recvfrom",
    "sendto",
    "recvmsg",
    "readv",
    "writev",
    "epoll_wait",
    "ppoll",
    "write",
];

/// Whichever call is interrupted, the program that makes it gets all bytes and no error, and no timer is
/// early.
#[test]
#[ignore = "needs strace"]
fn a_signal_at_any_call_is_no_error() {
    if is_child(TEST) {
        return program();
    }
    let mut interruptions = 0;
    for call in CALLS {
        for nth in 1.. {
            let count = interrupted(call, &nth.to_string());
            interruptions += count;
            // The program makes fewer such calls.
            if count == 0 {
                assert!(nth > 1, "{call} is never called");
                break;
            }
        }
    }
    // Every other call: each is interrupted, and made when it is repeated.
    interruptions += interrupted(&CALLS.join(","), "1+2");
    println!("interruptions: {interruptions}, lost: 0");
    assert!(interruptions >= 150, "{interruptions}");
}

/// Runs the program with these calls interrupted, counted in each thread. Returns how many were.
fn interrupted(calls: &str, when: &str) -> usize {
    let log = temp_dir().join(format!("boucle-interrupts-{}", process::id()));
    assert!(Command::new("strace").arg("-V").output().is_ok(), "strace is not installed");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log);
    strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error=EINTR:when={when}")]);
    strace.arg(own_binary().get_program()).arg("--include-ignored");
    assert!(passes_alone(strace, TEST));
    let count = fs::read_to_string(&log).unwrap().matches("(INJECTED)").count();
    fs::remove_file(log).unwrap();
    count
}

/// Uses each kind of socket, timers, a name, and a wake from another thread.
fn program() {
    run(async {
        let (listener, address) = listen().await;
        let (client, server) = try_zip(TcpStream::connect(address), listener.accept()).await.unwrap();
        carries_all(client, server.0).await;

        let path = temp_dir().join(format!("boucle-interrupted-{}", process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let (client, server) = try_zip(UnixStream::connect(&path), listener.accept()).await.unwrap();
        fs::remove_file(&path).unwrap();
        carries_all(client, server.0).await;

        datagrams().await;
        #[cfg(feature = "blocking")]
        assert!(boucle::net::TcpListener::bind("localhost:0").await.is_ok());
        for time in [Duration::from_micros(200), ms(3)] {
            let start = now();
            sleep(time).await;
            assert!(now() - start >= time);
        }
        let (sender, receiver) = async_channel::bounded(1);
        let other = thread::spawn(move || {
            // Most probably the loop is parked by then.
            thread::sleep(ms(10));
            sender.try_send(7).unwrap();
        });
        assert_eq!(receiver.recv().await, Ok(7));
        other.join().unwrap();
    });
}

/// Sends bytes from one end to the other, by plain and by vectored calls, in pieces for which the reader
/// waits.
async fn carries_all(
    mut from: impl AsyncRead + AsyncWrite + Unpin,
    mut to: impl AsyncRead + AsyncWrite + Unpin,
) {
    const PIECE: usize = 100;
    let bytes: Vec<u8> = (0..4 * PIECE).map(byte_at).collect();
    let send = async {
        for (number, piece) in bytes.chunks(PIECE).enumerate() {
            sleep(ms(1)).await;
            let (one, two) = piece.split_at(PIECE / 2);
            let sent = match number % 2 {
                0 => from.write(piece).await,
                _ => from.write_vectored(&[IoSlice::new(one), IoSlice::new(two)]).await,
            };
            assert_eq!(sent.unwrap(), PIECE);
        }
    };
    let receive = async {
        let mut received = Vec::new();
        while received.len() < bytes.len() {
            let (mut one, mut two) = ([0; 64], [0; 64]);
            let count = match received.len() / PIECE % 2 {
                0 => to.read(&mut one).await,
                _ => to.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]).await,
            };
            let count = count.unwrap();
            assert_ne!(count, 0);
            received.extend([one, two].concat().drain(..count));
        }
        received
    };
    assert_eq!(zip(send, receive).await.1, bytes);
}

/// Sends messages by UDP and by Unix datagrams, with and without an address.
async fn datagrams() {
    let mut buffer = [0; 64];
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let two = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for message in [b"1", b"2"] {
        let sent = one.send_to(message, two.local_addr().unwrap());
        let (sent, received) = try_zip(sent, two.recv_from(&mut buffer)).await.unwrap();
        assert_eq!((sent, received), (1, (1, one.local_addr().unwrap())));
        assert_eq!(buffer[0], message[0]);
    }
    one.connect(two.local_addr().unwrap()).await.unwrap();
    let (sent, received) = try_zip(one.send(b"x"), two.recv(&mut buffer)).await.unwrap();
    assert_eq!((sent, received), (1, 1));

    let path = temp_dir().join(format!("boucle-interrupted-{}", process::id()));
    let one = UnixDatagram::bind(&path).unwrap();
    let two = UnixDatagram::unbound().unwrap();
    let (sent, received) = try_zip(two.send_to(b"xy", &path), one.recv(&mut buffer)).await.unwrap();
    assert_eq!((sent, received), (2, 2));
    two.connect(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let (sent, received) = try_zip(two.send(b"xyz"), one.recv(&mut buffer)).await.unwrap();
    assert_eq!((sent, received), (3, 3));
}
