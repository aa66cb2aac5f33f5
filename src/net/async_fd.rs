//! The readiness of any descriptor: asyncio's `add_reader`.
//!
//! The operation is user code, so it runs while the loop's state is free. It may even make a turn of the
//! loop, if its future is polled outside one; then an edge may come after its system call has found
//! nothing. So edges are counted: an operation that would block marks its side as not ready only if no edge
//! has come since it began. Else it is tried again.
//!
//! [`readable`](AsyncFd::readable) is a [`read_with`](AsyncFd::read_with) whose operation asks `poll`.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::reactor::Side;
use super::source::{READS, Source};

/// A descriptor of any kind whose readiness can be awaited: a pipe, a terminal, an inotify descriptor, a socket
/// of another crate.
///
/// [`readable`](Self::readable) and [`writable`](Self::writable) wait; then a read does not block, but a long
/// write may. [`read_with`](Self::read_with) and [`write_with`](Self::write_with) wait only if the operation
/// would block, which saves a system call each time; for these, make the descriptor non-blocking first. A read
/// of a FIFO that no writer has opened yet does not block, and finds the end: await
/// [`readable`](Self::readable) before the first.
///
/// It belongs to the loop on which it was made, and stays registered until it is dropped, on whichever thread
/// that happens. A duplicate of the descriptor can be registered too. The descriptor itself is registered once:
/// let tasks share its `AsyncFd` by an `Rc`.
///
/// ```
/// use boucle::net::AsyncFd;
/// use std::io::{Read, Write};
///
/// # boucle::run(async {
/// let (reader, mut writer) = std::io::pipe()?;
/// let reader = AsyncFd::new(reader)?;
/// let answer = boucle::spawn(async move {
///     reader.readable().await?;
///     let mut buffer = [0; 64];
///     let len = reader.get_ref().read(&mut buffer)?; // there is data: it does not block
///     std::io::Result::Ok(buffer[..len].to_vec())
/// });
/// writer.write_all(b"hello")?;
/// assert_eq!(answer.await.unwrap()?, b"hello");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// To implement a trait like `AsyncRead`, call [`poll_read_with`](Self::poll_read_with).
#[doc(alias("add_reader", "add_writer", "Async"))]
pub struct AsyncFd<T: AsFd> {
    source: Source<T>,
}

impl<T: AsFd> AsyncFd<T> {
    /// Watches a descriptor on the running loop. O(1), and one system call; another one when a write has to
    /// wait for the first time.
    ///
    /// ```
    /// # boucle::run(async {
    /// let (reader, _writer) = std::io::pipe()?;
    /// boucle::net::AsyncFd::new(reader)?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// # #[cfg(target_os = "linux")]
    /// assert!(boucle::net::AsyncFd::new(file).is_err()); // always ready: there is nothing to watch
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl` or `kevent`; the value is dropped then. `PermissionDenied` if mio uses epoll and it
    /// is a regular file, a directory or a device such as `/dev/null`: these are always ready. `AlreadyExists`
    /// if this number (not a duplicate) is registered already, where mio uses epoll or `poll`. Elsewhere (macOS,
    /// the BSDs, Solaris) that is no error, and from then on only the new `AsyncFd` is woken.
    ///
    /// # Panics
    ///
    /// If no loop runs on this thread.
    #[track_caller]
    pub fn new(value: T) -> io::Result<AsyncFd<T>> {
        let source = Source::new(value, READS, true)?;
        // Unlike that of a new socket, the first operation is tried at once: it may begin what it waits for, and
        // there is often something to read.
        source.set_ready(Side::Read);
        Ok(AsyncFd { source })
    }

    /// Waits until a read would not block: there is data, the other end has hung up, or an error is pending. As
    /// long as that is so, each call is ready, while the poll has budget; it costs one system call. It asks the
    /// kernel, so it does not see what a buffer above the descriptor has (std's `Stdin`, a `BufReader`).
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// there.send(b"hello")?;
    /// here.readable().await?;
    /// assert_eq!(here.get_ref().recv(&mut [0; 64])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the loop is gone. `InvalidInput` on Linux, if the process may not open files (`RLIMIT_NOFILE` is 0):
    /// the kernel then refuses to be asked, but [`read_with`](Self::read_with) works.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the descriptor's or on another thread, while its own lives.
    #[doc(alias = "add_reader")]
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Waits until a write can begin: there is room, the other end has hung up, or an error is pending; on a
    /// socket that connects, until the connect has an outcome. As long as that is so, each call is ready,
    /// while the poll has budget; it costs one system call.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// here.writable().await?; // at once: there is room
    /// here.get_ref().send(b"hello")?;
    /// assert_eq!(there.recv(&mut [0; 64])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the loop is gone. `InvalidInput` on Linux, if the process may not open files, as in
    /// [`readable`](Self::readable); [`write_with`](Self::write_with) works.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the descriptor's or on another thread, while its own lives.
    #[doc(alias = "add_writer")]
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// [`readable`](Self::readable) as a poll. Each task that was pending here is woken, not only the last.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// there.send(b"hello")?;
    /// std::future::poll_fn(|cx| here.poll_readable(cx)).await?;
    /// assert_eq!(here.get_ref().recv(&mut [0; 64])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readable`](Self::readable).
    ///
    /// # Panics
    ///
    /// As [`readable`](Self::readable).
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_with(cx, |value| ask(value.as_fd(), PollFlags::IN))
    }

    /// [`writable`](Self::writable) as a poll. Each task that was pending here is woken, not only the last.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// std::future::poll_fn(|cx| here.poll_writable(cx)).await?;
    /// here.get_ref().send(b"hello")?;
    /// assert_eq!(there.recv(&mut [0; 64])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`writable`](Self::writable).
    ///
    /// # Panics
    ///
    /// As [`writable`](Self::writable).
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, |value| ask(value.as_fd(), PollFlags::OUT))
    }

    /// Tries an operation that reads; the descriptor must be non-blocking. If it would block (its error is
    /// `WouldBlock`), waits for the next event, and tries again; if a signal interrupts it, tries again at
    /// once.
    ///
    /// The operation must return `WouldBlock` only if a system call of its own has found nothing: no event
    /// comes for what is there already.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// let (here, there) = UnixDatagram::pair()?;
    /// here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?;
    /// there.send(b"hello")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(here.read_with(|socket| socket.recv(&mut buffer)).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the operation, and if the loop is gone.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing: it is dropped between two operations, never within one.
    ///
    /// # Panics
    ///
    /// If it is polled on another loop than the descriptor's or on another thread, while its own lives. A
    /// panic of the operation passes through.
    #[doc(alias("try_io", "async_io"))]
    pub async fn read_with<R>(&self, mut operation: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| self.poll_read_with(cx, &mut operation)).await
    }

    /// As [`read_with`](Self::read_with), for an operation that writes or connects.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// assert_eq!(here.write_with(|socket| socket.send(b"hello")).await?, 5);
    /// assert_eq!(there.recv(&mut [0; 64])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read_with`](Self::read_with).
    ///
    /// # Cancellation
    ///
    /// As [`read_with`](Self::read_with).
    ///
    /// # Panics
    ///
    /// As [`read_with`](Self::read_with).
    #[doc(alias("try_io", "async_io"))]
    pub async fn write_with<R>(&self, mut operation: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        poll_fn(|cx| self.poll_write_with(cx, &mut operation)).await
    }

    /// [`read_with`](Self::read_with) as a poll. Each task that was pending here is woken, not only the last.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// there.send(b"hello")?;
    /// let mut buffer = [0; 64];
    /// let read = |cx: &mut std::task::Context<'_>| here.poll_read_with(cx, |socket| socket.recv(&mut buffer));
    /// assert_eq!(std::future::poll_fn(read).await?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read_with`](Self::read_with).
    ///
    /// # Panics
    ///
    /// As [`read_with`](Self::read_with).
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(cx, Side::Read, operation)
    }

    /// [`write_with`](Self::write_with) as a poll. Each task that was pending here is woken, not only the last.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// let write = |cx: &mut std::task::Context<'_>| here.poll_write_with(cx, |socket| socket.send(b"hello"));
    /// assert_eq!(std::future::poll_fn(write).await?, 5);
    /// assert_eq!(there.recv(&mut [0; 64])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read_with`](Self::read_with).
    ///
    /// # Panics
    ///
    /// As [`write_with`](Self::write_with).
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(cx, Side::Write, operation)
    }

    fn poll_with<R>(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        // Each attempt spends a unit of the budget.
        loop {
            let edges = ready!(self.source.poll(cx, side, |_, readiness| Ok(readiness.edges)))?;
            match operation(self.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.source.with_side(side, |readiness| readiness.set_not_ready(edges));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Returns the value that has the descriptor.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// assert!(here.get_ref().local_addr()?.is_unnamed());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn get_ref(&self) -> &T {
        self.source.io()
    }

    /// Gives the value back, on any thread. The descriptor is no longer watched.
    ///
    /// ```
    /// use boucle::net::AsyncFd;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// # boucle::run(async {
    /// # let (here, there) = UnixDatagram::pair()?;
    /// # here.set_nonblocking(true)?;
    /// let here = AsyncFd::new(here)?; // one of a pair, non-blocking
    /// let here: UnixDatagram = here.into_inner()?; // no longer watched
    /// here.send(b"hello")?;
    /// assert_eq!(there.recv(&mut [0; 64])?, 5);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// If the kernel refuses to deregister it; the value is dropped then.
    pub fn into_inner(self) -> io::Result<T> {
        self.source.into_inner()
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFd").field(self.get_ref()).finish()
    }
}

/// Asks the kernel whether a side is ready, without waiting. The error is `WouldBlock` if it is not.
fn ask(descriptor: BorrowedFd<'_>, events: PollFlags) -> io::Result<()> {
    match poll(&mut [PollFd::from_borrowed_fd(descriptor, events)], Some(&Timespec::default()))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}
