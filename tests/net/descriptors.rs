//! `AsyncFd`: the readiness of descriptors that this crate did not make.

use std::cell::Cell;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use boucle::net::AsyncFd;
use boucle::{spawn, yield_now};
use futures_lite::future::poll_once;
use socket2::{Domain, Socket, Type};

use super::refused;
use crate::common::{Bomb, OnDrop, count_sources, panic_of, run};

/// A pipe of which one end is watched.
fn watched_reader() -> (AsyncFd<PipeReader>, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    (AsyncFd::new(reader).unwrap(), writer)
}

fn watched_writer() -> (PipeReader, AsyncFd<PipeWriter>) {
    let (reader, writer) = io::pipe().unwrap();
    (reader, AsyncFd::new(writer).unwrap())
}

/// One end of a pair that does not block, watched, and the other one.
pub(super) fn watched_pair() -> (AsyncFd<UnixDatagram>, UnixDatagram) {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    (AsyncFd::new(one).unwrap(), other)
}

/// Returns whether a descriptor is readable and whether it is writable, by one poll each.
pub(super) fn readiness(descriptor: &AsyncFd<impl AsFd>) -> [bool; 2] {
    let cx = &mut Context::from_waker(Waker::noop());
    let [read, write] = [descriptor.poll_readable(cx), descriptor.poll_writable(cx)];
    [read, write].map(|polled| polled.map(Result::unwrap).is_ready())
}

/// A blocking pipe is read by its own `read`, not by an operation of the loop. It is readable as long as it
/// has bytes; then `readable` waits.
#[test]
fn a_pipe_is_readable_while_there_is_something() {
    run(async {
        let (reader, mut writer) = watched_reader();
        assert_eq!(reader.as_raw_fd(), reader.get_ref().as_raw_fd());
        for _ in 0..3 {
            let mut waits = pin!(reader.readable());
            assert!(poll_once(waits.as_mut()).await.is_none());
            writer.write_all(b"ab").unwrap();
            waits.await.unwrap();
            for byte in [b'a', b'b'] {
                for _ in 0..3 {
                    assert!(poll_once(pin!(reader.readable())).await.is_some());
                }
                let mut buffer = [0];
                assert_eq!(reader.get_ref().read(&mut buffer).unwrap(), 1);
                assert_eq!(buffer[0], byte);
            }
        }
    });
}

/// `readable` asks the kernel. It does not see what a buffer above the descriptor has read already.
#[test]
fn a_buffer_is_not_seen() {
    run(async {
        let (reader, mut writer) = watched_reader();
        let mut buffered = BufReader::new(reader.get_ref());
        writer.write_all(b"one\ntwo\n").unwrap();
        reader.readable().await.unwrap();
        let mut line = String::new();
        buffered.read_line(&mut line).unwrap();
        assert_eq!((&*line, buffered.buffer()), ("one\n", &b"two\n"[..]));
        assert!(poll_once(pin!(reader.readable())).await.is_none());
    });
}

/// When one end is closed, the other one is ready, and stays ready although nothing is read or written.
#[test]
fn a_hang_up_is_seen_without_reading() {
    run(async {
        let (reader, writer) = watched_reader();
        let waits = spawn(async move { reader.readable().await.map(|()| reader) });
        yield_now().await;
        drop(writer);
        let reader = waits.await.unwrap().unwrap();
        for _ in 0..3 {
            assert!(poll_once(pin!(reader.readable())).await.is_some());
            yield_now().await;
        }
        assert_eq!(reader.get_ref().read(&mut [0]).unwrap(), 0);

        let (reader, writer) = watched_writer();
        fill(&writer);
        let waits = spawn(async move { writer.writable().await.map(|()| writer) });
        yield_now().await;
        assert!(!waits.is_finished());
        drop(reader);
        let writer = waits.await.unwrap().unwrap();
        assert!(poll_once(pin!(writer.writable())).await.is_some());
        assert_eq!(writer.get_ref().write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

/// Writes to a blocking pipe for as long as it has room. Returns how much.
fn fill(writer: &AsyncFd<PipeWriter>) -> usize {
    let mut filled = 0;
    while readiness(writer)[1] {
        filled += writer.get_ref().write(&[0; 4_096]).unwrap();
    }
    filled
}

/// A full pipe is writable when there is room again, many times over.
#[test]
fn a_pipe_is_writable_while_there_is_room() {
    run(async {
        let (mut reader, writer) = watched_writer();
        for _ in 0..5 {
            let filled = fill(&writer);
            assert!(filled > 0);
            let mut waits = pin!(writer.writable());
            assert!(poll_once(waits.as_mut()).await.is_none());
            reader.read_exact(&mut vec![0; filled]).unwrap();
            waits.await.unwrap();
        }
    });
}

/// A panic of the value's destructor reaches the caller, and the descriptor is not watched any more.
#[test]
fn a_value_may_panic_when_it_is_dropped() {
    struct Fragile(UnixDatagram, #[allow(dead_code)] Bomb);
    impl AsFd for Fragile {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    count_sources(async |sources| {
        let (one, _other) = UnixDatagram::pair().unwrap();
        let fragile = AsyncFd::new(Fragile(one, Bomb("a value's drop"))).unwrap();
        yield_now().await; // observers get their events after the poll
        assert_eq!(sources.get(), 1);
        assert_eq!(panic_of(|| drop(fragile)), "a value's drop");
        yield_now().await;
        assert_eq!(sources.get(), 0);
    });
}

/// The value is dropped while nothing of the loop is borrowed: its destructor may make and poll another one.
#[test]
fn a_value_may_use_the_loop_when_it_is_dropped() {
    struct Calls<F: FnMut()>(UnixDatagram, #[allow(dead_code)] OnDrop<F>);
    impl<F: FnMut()> AsFd for Calls<F> {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
    run(async {
        let made = Rc::new(Cell::new(false));
        let makes = made.clone();
        let (one, _other) = UnixDatagram::pair().unwrap();
        let on_drop = OnDrop(move || {
            let (reader, _writer) = watched_reader();
            makes.set(!readiness(&reader)[0]);
        });
        drop(AsyncFd::new(Calls(one, on_drop)).unwrap());
        assert!(made.get());
    });
}

/// Two descriptors of one file are watched independently. epoll refuses to watch the same one twice.
#[test]
fn a_duplicate_is_watched_for_itself() {
    run(async {
        let (one, other) = watched_pair();
        let twin = AsyncFd::new(one.get_ref().try_clone().unwrap()).unwrap();
        if cfg!(any(target_os = "linux", target_os = "android", target_os = "illumos")) {
            let error = AsyncFd::new(one.as_fd()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        }
        for _ in 0..3 {
            assert!(!readiness(&one)[0] && !readiness(&twin)[0]);
            other.send(b"x").unwrap();
            one.readable().await.unwrap();
            twin.readable().await.unwrap();
            assert_eq!(one.read_with(|socket| socket.recv(&mut [0; 8])).await.unwrap(), 1);
        }
        other.send(b"x").unwrap();
        drop(one);
        assert_eq!(twin.read_with(|socket| socket.recv(&mut [0; 8])).await.unwrap(), 1);
        assert!(poll_once(pin!(twin.readable())).await.is_none());
    });
}

/// `into_inner` returns the value with its descriptor, which can be watched again.
#[test]
fn a_value_comes_back() {
    run(async {
        let (mut reader, mut writer) = watched_reader();
        for _ in 0..3 {
            let number = reader.as_fd().as_raw_fd();
            assert!(format!("{reader:?}").starts_with("AsyncFd(PipeReader"));
            let value = reader.into_inner().unwrap();
            assert_eq!(value.as_raw_fd(), number);
            reader = AsyncFd::new(value).unwrap();
            writer.write_all(b"x").unwrap();
            reader.readable().await.unwrap();
            assert_eq!(reader.get_ref().read(&mut [0]).unwrap(), 1);
        }
    });
}

/// epoll refuses a regular file and `/dev/null`, which then leave no slot behind. Where no loop runs,
/// `AsyncFd::new` panics with the reason.
#[test]
fn a_regular_file_is_refused() {
    let file = || fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let message = panic_of(|| AsyncFd::new(file()));
    assert!(message.contains("needs an event loop"), "{message}");
    if cfg!(all(target_os = "linux", not(mio_unsupported_force_poll_poll))) {
        count_sources(async |sources| {
            for file in [file(), fs::File::open("/dev/null").unwrap()] {
                let error = AsyncFd::new(file).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            }
            yield_now().await;
            assert_eq!(sources.get(), 0);
        });
    }
}

/// A connect that is under way makes its socket writable when it succeeds or fails.
#[test]
fn a_connect_under_way_has_an_outcome() {
    run(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        for (address, works) in [(there, true), (refused(), false)] {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // Watched before it connects, when the kernel reports other events.
            let socket = AsyncFd::new(socket).unwrap();
            yield_now().await;
            let _under_way = socket.get_ref().connect(&address.into());
            socket.writable().await.unwrap();
            assert_eq!(socket.get_ref().take_error().unwrap().is_none(), works);
            assert_eq!(socket.get_ref().peer_addr().is_ok(), works);
        }
    });
}

#[cfg(target_os = "linux")]
mod of_linux {
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use boucle::{EventLoop, gather};
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fs::{CWD, Mode, OFlags, inotify, mkfifoat};

    use super::*;
    use crate::TempPath;
    use crate::common::turn;

    /// An eventfd counts what several tasks add to it while one waits.
    #[test]
    fn an_eventfd_counts() {
        fn add(counter: &OwnedFd) -> io::Result<()> {
            Ok(rustix::io::write(counter, &1u64.to_ne_bytes()).map(drop)?)
        }
        fn take(counter: &OwnedFd) -> io::Result<u64> {
            let mut bytes = [0; 8];
            rustix::io::read(counter, &mut bytes)?;
            Ok(u64::from_ne_bytes(bytes))
        }
        run(async {
            let counter = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap();
            let counter = Rc::new(AsyncFd::new(counter).unwrap());
            let waits = counter.clone();
            let sum = spawn(async move {
                let mut sum = 0;
                while sum < 100 {
                    sum += waits.read_with(take).await.unwrap();
                }
                sum
            });
            let adding = (0..100).map(|_| {
                let counter = counter.clone();
                async move { counter.write_with(add).await.unwrap() }
            });
            gather(adding.collect::<Vec<_>>()).await;
            assert_eq!(sum.await.unwrap(), 100);
        });
    }

    /// An inotify reports a file that is made, as the kernel names it.
    #[test]
    fn an_inotify_reports_files() {
        run(async {
            let folder = TempPath::new("inotify");
            fs::create_dir(&folder).unwrap();
            let watcher = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC);
            let watcher = AsyncFd::new(watcher.unwrap()).unwrap();
            inotify::add_watch(watcher.as_fd(), &*folder, inotify::WatchFlags::CREATE).unwrap();
            let file = folder.join("made");
            let made = file.clone();
            let maker = spawn(async move { fs::write(made, "") });
            let name = watcher.read_with(|watcher| {
                let mut space = [MaybeUninit::uninit(); 512];
                let mut reader = inotify::Reader::new(watcher, &mut space);
                Ok(reader.next()?.file_name().map(|name| name.to_owned()))
            });
            assert_eq!(name.await.unwrap().unwrap().to_bytes(), b"made");
            maker.await.unwrap().unwrap();
            assert!(!readiness(&watcher)[0]);
            fs::remove_dir_all(&folder).unwrap();
        });
    }

    /// A FIFO that no writer has opened yet is not readable, though a read of it would find the end.
    #[test]
    fn a_fifo_is_readable_after_its_first_writer() {
        let event_loop = EventLoop::new().unwrap();
        let path = TempPath::new("fifo");
        mkfifoat(CWD, &*path, Mode::RUSR | Mode::WUSR).unwrap();
        let open =
            |flags| File::from(rustix::fs::open(&*path, flags | OFlags::NONBLOCK, Mode::empty()).unwrap());
        let reader = event_loop.block_on(async { AsyncFd::new(open(OFlags::RDONLY)).unwrap() });
        let is_readable = || {
            turn(&event_loop);
            reader.poll_readable(&mut Context::from_waker(Waker::noop())).map(Result::unwrap).is_ready()
        };
        assert!(!is_readable());
        let mut writer = open(OFlags::WRONLY);
        assert!(!is_readable());
        writer.write_all(b"hello").unwrap();
        assert!(is_readable());
        assert_eq!(reader.get_ref().read(&mut [0; 8]).unwrap(), 5);
        assert!(!is_readable());
        drop(writer);
        assert!(is_readable());
        assert_eq!(reader.get_ref().read(&mut [0; 8]).unwrap(), 0);
    }
}
