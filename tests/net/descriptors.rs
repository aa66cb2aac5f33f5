//! `AsyncFd`: the readiness of descriptors that this crate did not make.

use std::cell::{Cell, RefCell};
use std::fs;
use std::future::poll_fn;
use std::io::{self, BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use boucle::net::AsyncFd;
use boucle::{EventLoop, spawn, yield_now};
use futures_lite::future::poll_once;
use socket2::{Domain, Socket, Type};

use super::refused;
use crate::common::{Bomb, Counting, OnDrop, count_sources, panic_of, run, turn};

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
fn watched_pair() -> (AsyncFd<UnixDatagram>, UnixDatagram) {
    let (one, other) = UnixDatagram::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    (AsyncFd::new(one).unwrap(), other)
}

/// Returns whether a descriptor is readable and whether it is writable, by one poll each.
fn readiness(descriptor: &AsyncFd<impl AsFd>) -> [bool; 2] {
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

/// The first try of an operation waits for no event: it finds what came before the descriptor was watched.
#[test]
fn the_first_try_waits_for_no_event() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        other.send(b"early").unwrap();
        let one = AsyncFd::new(one).unwrap();
        let tried = poll_once(pin!(one.read_with(|socket| socket.recv(&mut [0; 8])))).await;
        assert_eq!(tried.expect("it is there").unwrap(), 5);
        assert_eq!(readiness(&one), [false, true]);
        other.send(b"x").unwrap();
        assert_eq!(readiness(&AsyncFd::new(one.into_inner().unwrap()).unwrap()), [true, true]);
    });
}

/// The first operation of a new descriptor may begin what it waits for: here it sends a request.
#[test]
fn the_first_operation_may_begin_what_it_waits_for() {
    run(async {
        let (one, other) = watched_pair();
        let mut buffer = [0; 8];
        let mut requests = 0;
        let mut answer = pin!(one.read_with(|socket| {
            if requests == 0 {
                requests += socket.send(b"request")?;
            }
            socket.recv(&mut buffer)
        }));
        assert!(poll_once(answer.as_mut()).await.is_none());
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 7);
        other.send(b"answer").unwrap();
        assert_eq!(answer.await.unwrap(), 6);
    });
}

/// An operation is tried again when it need not block, and not in between. One that a signal interrupts is
/// repeated. Any other error is returned, and the side is still ready after it.
#[test]
fn an_operation_is_tried_until_it_need_not_block() {
    run(async {
        let (one, other) = watched_pair();
        let tries = Rc::new(Cell::new(0));
        let mut buffer = [0; 8];
        for round in 1..=3 {
            let count = tries.clone();
            let mut wait = pin!(one.read_with(|socket| {
                count.set(count.get() + 1);
                socket.recv(&mut buffer)
            }));
            assert!(poll_once(wait.as_mut()).await.is_none());
            other.send(&[1, 2, 3]).unwrap();
            assert_eq!(wait.await.unwrap(), 3);
            assert_eq!(tries.get(), 2 * round, "the first of each round finds nothing");
        }
        assert_eq!(one.write_with(|socket| socket.send(b"there")).await.unwrap(), 5);
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 5);

        other.send(b"x").unwrap();
        one.readable().await.unwrap();
        let mut kinds = vec![ErrorKind::Other, ErrorKind::Interrupted, ErrorKind::Interrupted];
        let error = one.read_with(|_| Err::<(), _>(kinds.pop().unwrap().into())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(poll_once(pin!(one.read_with(|socket| socket.recv(&mut buffer)))).await.is_some());
    });
}

/// An edge may come while an operation is under way, after its system call has found nothing: here the
/// operation itself runs a turn of its loop. The edge is not lost.
#[test]
fn an_edge_during_an_operation_is_not_lost() {
    let event_loop = EventLoop::new().unwrap();
    let (one, other) = event_loop.block_on(async { watched_pair() });
    let cx = &mut Context::from_waker(Waker::noop());
    other.send(b"first").unwrap();
    turn(&event_loop);
    let mut buffer = [0; 8];
    assert!(one.poll_read_with(cx, |socket| socket.recv(&mut buffer)).is_ready());

    let mut tries = 0;
    let receive = || {
        one.poll_read_with(cx, |socket| {
            tries += 1;
            let received = socket.recv(&mut buffer);
            if tries == 1 {
                other.send(b"second").unwrap();
                turn(&event_loop);
            }
            received
        })
    };
    assert_ready(&event_loop, 6, receive);
    assert_eq!(tries, 2);
}

/// An operation may try another one on the same side. An edge that comes in between counts for both: the
/// outer one is tried again, although the inner one has read something.
#[test]
fn an_operation_may_try_another_one() {
    let event_loop = EventLoop::new().unwrap();
    let (one, other) = event_loop.block_on(async { watched_pair() });
    let cx = &mut Context::from_waker(Waker::noop());
    let receive = |socket: &UnixDatagram| socket.recv(&mut [0; 8]);
    let inner = || match one.poll_read_with(&mut Context::from_waker(Waker::noop()), receive) {
        Poll::Ready(received) => received,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    };
    assert!(one.poll_read_with(cx, |_| inner()).is_pending());
    other.send(b"1").unwrap();
    other.send(b"12").unwrap();
    turn(&event_loop);
    for len in [1, 2] {
        let polled = one.poll_read_with(cx, |_| inner());
        assert!(matches!(polled, Poll::Ready(Ok(count)) if count == len), "{polled:?}");
    }

    // The outer one finds nothing; then two messages come, of which the inner one takes the first.
    let mut taken = None;
    let outer = || {
        one.poll_read_with(cx, |socket| {
            let found = receive(socket);
            if taken.is_none() {
                other.send(b"123").unwrap();
                other.send(b"1234").unwrap();
                turn(&event_loop);
                taken = Some(inner().unwrap());
            }
            found
        })
    };
    assert_ready(&event_loop, 4, outer);
    assert_eq!(taken, Some(3));
}

/// An operation may use the loop: spawn, wake, abort, poll, and drop descriptors.
#[test]
fn an_operation_may_use_the_loop() {
    run(async {
        let (one, other) = watched_pair();
        let one = Rc::new(one);
        let log = Rc::new(RefCell::new(Vec::new()));
        let (second, _peer) = watched_pair();
        let sleeper = spawn(std::future::pending::<()>());
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let waits = Arc::new(Counting::default());
        let mut again = Some((second, one.clone(), sleeper));
        other.send(b"x").unwrap();
        let done = one
            .read_with(|socket| {
                let received = socket.recv(&mut [0; 8])?;
                let (second, same, sleeper) = again.take().unwrap();
                let log = log.clone();
                let spawned = spawn(async move { log.borrow_mut().push("spawned") });
                waker.wake_by_ref();
                sleeper.abort();
                let waits = Waker::from(waits.clone());
                let cx = &mut Context::from_waker(&waits);
                assert!(same.poll_readable(cx).is_pending(), "there is no more");
                assert!(second.poll_readable(cx).is_pending());
                drop((second, same));
                Ok((received, spawned, sleeper))
            })
            .await;
        let (received, spawned, sleeper) = done.unwrap();
        assert_eq!(received, 1);
        spawned.await.unwrap();
        assert!(sleeper.await.unwrap_err().is_cancelled());
        assert_eq!(*log.borrow(), ["spawned"]);
        assert_eq!(waits.wakes(), 0);
        other.send(b"xy").unwrap();
        assert_eq!(one.read_with(|socket| socket.recv(&mut [0; 8])).await.unwrap(), 2);
        assert_eq!(waits.wakes(), 1);
    });
}

/// An operation may drop its loop while that does not run.
#[test]
fn an_operation_may_drop_its_loop() {
    let event_loop = EventLoop::new().unwrap();
    let (one, _other) = event_loop.block_on(async { watched_pair() });
    let cx = &mut Context::from_waker(Waker::noop());
    let mut event_loop = Some(event_loop);
    let polled = one.poll_write_with(cx, |socket| {
        drop(event_loop.take());
        socket.send(b"x")
    });
    assert!(matches!(polled, Poll::Ready(Ok(1))), "{polled:?}");
    let polled = one.poll_writable(cx).map(|asked| asked.unwrap_err().to_string());
    assert!(matches!(&polled, Poll::Ready(error) if error.ends_with("is gone")), "{polled:?}");
}

/// A panic of an operation ends its task alone, and the side stays ready: another task gets what is there
/// without a new event.
#[test]
fn a_panic_of_an_operation_leaves_its_side_ready() {
    run(async {
        let (one, other) = watched_pair();
        let one = Rc::new(one);
        other.send(b"x").unwrap();
        let panics = one.clone();
        let failed = spawn(async move { panics.read_with(|_| -> io::Result<()> { panic!("in it") }).await });
        let receives = one.clone();
        let received = spawn(async move { receives.read_with(|socket| socket.recv(&mut [0; 8])).await });
        assert!(failed.await.unwrap_err().is_panic());
        assert_eq!(received.await.unwrap().unwrap(), 1);
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

/// A task that is always ready yields after 128 operations.
#[test]
fn an_operation_spends_budget() {
    run(async {
        let (one, other) = watched_pair();
        other.send(b"x").unwrap();
        one.readable().await.unwrap();
        let one = Rc::new(one);
        type Leaf = fn(&AsyncFd<UnixDatagram>, &mut Context<'_>) -> Poll<io::Result<()>>;
        let leaves: [Leaf; 4] = [
            |one, cx| one.poll_readable(cx),
            |one, cx| one.poll_writable(cx),
            |one, cx| one.poll_read_with(cx, |_| Ok(())),
            |one, cx| one.poll_write_with(cx, |_| Err(ErrorKind::Other.into())),
        ];
        for leaf in leaves {
            let rounds = Rc::new(Cell::new(0));
            let (one, count) = (one.clone(), rounds.clone());
            let busy = spawn(async move {
                while count.get() < 1_000 {
                    let _ = poll_fn(|cx| leaf(&one, cx)).await;
                    count.set(count.get() + 1);
                }
            });
            for round in 1..=3 {
                yield_now().await;
                assert_eq!(rounds.get(), 128 * round);
            }
            busy.abort();
        }
    });
}

/// If a request to report a side fails, the next task that waits for it repeats that: no wake is lost.
#[test]
fn a_failure_to_watch_loses_no_wake() {
    /// Panics when its descriptor is asked for while the flag is set, and clears the flag.
    struct Fails(UnixStream, Rc<Cell<bool>>);

    impl AsFd for Fails {
        fn as_fd(&self) -> BorrowedFd<'_> {
            assert!(!self.1.take(), "no descriptor this time");
            self.0.as_fd()
        }
    }

    run(async {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        let fails = Rc::new(Cell::new(false));
        let stream = Rc::new(AsyncFd::new(Fails(stream, fails.clone())).unwrap());
        let mut written = 0;
        while let Ok(count) = (&stream.get_ref().0).write(&[7; 4_096]) {
            written += count;
        }
        let write = || {
            let stream = stream.clone();
            spawn(async move { stream.write_with(|fails| (&fails.0).write(b"x")).await })
        };
        fails.set(true);
        assert!(write().await.unwrap_err().is_panic());
        let second = write();
        yield_now().await;
        peer.read_exact(&mut vec![0; written]).unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 1);
    });
}

#[cfg(target_os = "linux")]
mod of_linux {
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use boucle::gather;
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fs::{CWD, Mode, OFlags, inotify, mkfifoat};

    use super::*;
    use crate::TempPath;

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

/// Asserts that an operation takes `len` bytes at its first poll; where mio uses `poll`, at its second.
fn assert_ready(event_loop: &EventLoop, len: usize, mut operation: impl FnMut() -> Poll<io::Result<usize>>) {
    let mut polled = operation();
    if cfg!(mio_unsupported_force_poll_poll) {
        assert!(polled.is_pending()); // mio reports it when this side is watched again
        turn(event_loop);
        polled = operation();
    }
    assert!(matches!(polled, Poll::Ready(Ok(taken)) if taken == len), "{polled:?}");
}
