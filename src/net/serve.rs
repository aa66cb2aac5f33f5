//! `serve`: accepts connections, and runs a task for each.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::future::{pending, poll_fn};
use std::io::ErrorKind::{ConnectionAborted, ConnectionReset};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::listener::Listener;
use crate::combine::group::Unspawned;
use crate::combine::task_group::TaskGroup;
use crate::current;
use crate::observe::event::EventKind;
use crate::task::budget;
use crate::task::join::JoinError;
use crate::time::sleep::{Sleep, sleep};
use crate::time::timeout::timeout;

/// How long `serve` waits after an error of `accept`: as long as asyncio and axum do. (For want of descriptors,
/// `accept` leaves its side ready, as no edge comes when there are some again: to try at once would spin.)
const RETRY: Duration = Duration::from_secs(1);

/// Accepts connections until it is shut down, and spawns a task for each that runs `handler`: asyncio's
/// `start_server`, in the form of axum's `serve`. Await it to run it; to spawn it, spawn its `into_future()`.
///
/// A handler that fails or panics does not end the server, and neither does an error of `accept`, such as
/// running out of descriptors. After such an error it tries again in a second, or as soon as a connection ends;
/// at once if only that client had gone away. All these errors go to [`on_error`](Serve::on_error), by default
/// to stderr.
///
/// ```
/// use std::time::Duration;
///
/// use boucle::net::{TcpListener, TcpStream, serve};
/// # use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// # boucle::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let address = listener.local_addr()?;
/// let (stop, stopped) = async_channel::bounded(1);
/// let client = boucle::spawn(async move {
///     let mut stream = TcpStream::connect(address).await?;
///     stream.write_all(b"hello").await?;
///     stream.read_exact(&mut [0; 5]).await?;
///     stop.try_send(()).unwrap();
///     std::io::Result::Ok(())
/// });
///
/// serve(listener, |stream, _peer| async move { futures_lite::io::copy(&stream, &stream).await })
///     .max_connections(1_000)
///     .on_error(|error| eprintln!("{error}"))
///     .shutdown_when(async move { stopped.recv().await })
///     .grace(Duration::from_secs(10))
///     .await?;
/// # client.await.unwrap()
/// # }).unwrap();
/// ```
///
/// Give each handler a clone of what they share. (The compiler rejects an `async` closure that captures
/// something: its future would borrow from the closure.)
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// use boucle::net::{TcpListener, serve};
///
/// # boucle::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let visits = Rc::new(Cell::new(0));
/// let server = serve(listener, move |_stream, _peer| {
///     let visits = visits.clone();
///     async move {
///         visits.set(visits.get() + 1);
///         std::io::Result::Ok(())
///     }
/// });
/// # server.shutdown_when(boucle::yield_now()).await
/// # }).unwrap();
/// ```
///
/// Each connection is a task, which counts as spawned where `serve` was called. Observers are given the peer's
/// address as its name. To end one connection from elsewhere, let its handler also wait for a channel or a
/// `CancellationToken` of `tokio-util`. What a handler spawns is not the server's: it is not counted, waited for
/// or aborted. So await an upgraded connection in the handler.
///
/// # Cancellation
///
/// Dropping the future closes the listener and aborts the handlers.
///
/// # Errors
///
/// That of [`Listener::check`]: a socket has one when its loop is gone.
///
/// # Panics
///
/// If one of these panics: the function of `on_error`, or without one the `Display` or the destructor of a
/// handler's error; the future of `shutdown_when`; the destructor of what the handler's closure owns; a
/// [`Listener`] of the program's own, or a `Clone` or `Debug` of its addresses. If the loop is gone while it
/// waits for the last connections. Otherwise as [`TcpListener::accept`](super::TcpListener::accept).
#[doc(alias("start_server", "with_graceful_shutdown"))]
#[track_caller]
pub fn serve<L, H, F, T, E>(listener: L, mut handler: H) -> Serve<L, E>
where
    L: Listener,
    H: FnMut(L::Stream, L::Address) -> F + 'static,
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: Display + 'static,
{
    let location = Location::caller(); // A dump shows it for the tasks of all connections.
    Serve {
        listener,
        begin: Box::new(move |connections, stream, peer| {
            let client = peer.clone();
            // The call may panic, as on an error of a client that is gone. The others go on then.
            let begun = catch_unwind(AssertUnwindSafe(|| handler(stream, client)));
            // The value is dropped in the task, where a panic of its destructor is the task's.
            let task = async { begun.unwrap_or_else(|panic| resume_unwind(panic)).await.map(drop) };
            connections.add(connections.tasks.spawn_from(location, Unspawned::new(task)).id(), peer);
        }),
        max_connections: usize::MAX,
        // Not `eprintln!`, which panics if stderr is closed. The line is made before stderr is locked.
        on_error: Box::new(|error| {
            _ = io::stderr().write_all(format!("boucle: serve: {error}\n").as_bytes())
        }),
        shutdown: Box::pin(pending()),
        grace: None,
    }
}

/// What [`serve`] returns: await it.
///
/// ```
/// use boucle::net::{TcpListener, serve};
///
/// # boucle::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let handle = async |_stream, _peer| std::io::Result::Ok(());
/// let server = serve(listener, handle).shutdown_when(boucle::yield_now()); // does nothing yet
/// server.await; // until the shutdown
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[must_use = "it accepts nothing until it is awaited"]
#[allow(missing_debug_implementations)] // What it holds are functions.
pub struct Serve<L: Listener, E> {
    listener: L,
    begin: Begin<L::Stream, L::Address, E>,
    max_connections: usize,
    on_error: Box<dyn FnMut(ServeError<L::Address, E>)>,
    shutdown: Pin<Box<dyn Future<Output = ()>>>,
    grace: Option<Duration>,
}

/// Calls the handler, and spawns the task of a connection.
type Begin<S, A, E> = Box<dyn FnMut(&mut Connections<A, E>, S, A)>;

impl<L: Listener, E> Serve<L, E> {
    /// Accepts no more while there are `limit` connections, and goes on when one ends. There is no limit by
    /// default. Further clients wait in the listener's backlog: about 128 for a `TcpListener` (unless `from_std`
    /// was given another), as many as the system allows for a `UnixListener`. TCP clients beyond that try again
    /// a second later, or are reset: systems differ. An HTTP connection that is kept alive counts, also while it
    /// is idle.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream, serve};
    ///
    /// # boucle::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let address = listener.local_addr()?;
    /// let handle = async |_stream, _peer| std::io::Result::Ok(boucle::yield_now().await);
    /// let server = serve(listener, handle).max_connections(1); // the second client waits in the backlog
    /// let clients = boucle::gather([TcpStream::connect(address), TcpStream::connect(address)]);
    /// server.shutdown_when(async { assert!(clients.await.iter().all(Result::is_ok)) }).await;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If the limit is zero.
    #[doc(alias = "limit_connections")]
    #[track_caller]
    pub fn max_connections(mut self, limit: usize) -> Self {
        assert!(limit > 0, "the connection limit must not be zero");
        self.max_connections = limit;
        self
    }

    /// Calls a function with each error, instead of writing it to stderr. The default writes no causes, and
    /// hyper's own text is often only "connection error": `https_server.rs`, which
    /// [`shutdown_when`](Self::shutdown_when) names, writes the causes too.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream, serve};
    ///
    /// # boucle::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let address = listener.local_addr()?;
    /// let (seen, errors) = async_channel::unbounded();
    /// let handle = async |_stream, _peer| Err::<(), _>("no");
    /// let server = serve(listener, handle).on_error(move |error| seen.try_send(error.to_string()).unwrap());
    /// let _server = boucle::spawn(server.into_future());
    /// let client = TcpStream::connect(address).await?;
    /// let expected = format!("the connection from {:?} failed: no", client.local_addr()?);
    /// assert_eq!(errors.recv().await, Ok(expected));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn on_error(mut self, on_error: impl FnMut(ServeError<L::Address, E>) + 'static) -> Self {
        self.on_error = Box::new(on_error);
        self
    }

    /// Shuts the server down when the future is ready: closes the listener, which turns away the clients in the
    /// backlog, then waits for the connections to end, as long as [`grace`](Self::grace) allows. The value of
    /// the future is dropped, so an error ends the server too. A later call replaces the future: for several
    /// causes, pass `future::or(one, other)` of the crate `futures-lite`.
    ///
    /// ```
    /// use boucle::net::{TcpListener, serve};
    /// use std::time::Duration;
    ///
    /// # boucle::run(async {
    /// let start = boucle::now();
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let handle = async |_stream, _peer| std::io::Result::Ok(());
    /// let after = boucle::sleep(Duration::from_millis(5)); // or `async { ctrl_c().await.unwrap() }`
    /// serve(listener, handle).shutdown_when(after).await?;
    /// assert!(boucle::now() - start >= Duration::from_millis(5));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// The handlers do not learn of the shutdown. HTTP keeps a connection open for the next request, so **one
    /// idle client uses up the whole grace**, or without a grace keeps the server from ending, unless its
    /// handler waits for the future too. (A client that has sent half a request uses it up all the same.)
    /// `Shared` of the crate `futures`, or `futures-util`, makes clones of it:
    ///
    #[cfg_attr(feature = "hyper", doc = "```")]
    #[cfg_attr(not(feature = "hyper"), doc = "```ignore")]
    /// # use boucle::net::{TcpListener, TcpStream, serve};
    /// # use hyper::{Response, server::conn::http1, service::service_fn};
    /// # use std::{pin::pin, time::Duration};
    /// use futures::FutureExt;
    /// use futures::future::{Either, select};
    ///
    /// # boucle::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let idle = TcpStream::connect(listener.local_addr()?).await?;
    /// # let service = service_fn(async |_| hyper::Result::Ok(Response::new(String::new())));
    /// let stop = boucle::sleep(Duration::from_millis(5)).shared(); // or `async { ctrl_c().await.unwrap() }`
    /// let stopped = stop.clone();
    /// let server = serve(listener, move |stream, _peer| {
    ///     let stop = stop.clone();
    ///     async move {
    ///         let mut connection = pin!(http1::Builder::new().serve_connection(stream, service));
    ///         match select(connection.as_mut(), stop).await {
    ///             Either::Left((ended, _)) => return ended,
    ///             Either::Right(_) => connection.as_mut().graceful_shutdown(), // answers what has begun
    ///         }
    ///         connection.await
    ///     }
    /// });
    /// # let server = server.on_error(|error| panic!("{error}"));
    /// server.shutdown_when(stopped).grace(Duration::from_secs(10)).await?; // idle connections are closed
    /// # drop(idle);
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    ///
    /// `tests/ecosystem/examples/https_server.rs`, in the repository, is a whole service of this kind, with
    /// TLS.
    #[doc(alias("with_graceful_shutdown", "wait_closed"))]
    pub fn shutdown_when(mut self, signal: impl IntoFuture<IntoFuture: 'static>) -> Self {
        let signal = signal.into_future();
        self.shutdown = Box::pin(async move { drop(signal.await) });
        self
    }

    /// Sets how long connections may go on after the shutdown; then they are aborted, each an error for
    /// [`on_error`](Self::on_error). By default the server waits for them without a limit.
    ///
    /// ```
    /// use boucle::net::{TcpListener, TcpStream, serve};
    ///
    /// # boucle::run(async {
    /// # let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// # let address = listener.local_addr()?;
    /// let handle = async |_stream, _peer| std::future::pending::<std::io::Result<()>>().await;
    /// let client = async move { TcpStream::connect(address).await };
    /// let server = serve(listener, handle).shutdown_when(client).grace(std::time::Duration::from_millis(1));
    /// server.on_error(|error| println!("{error}")).await; // prints that the handler was aborted
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }
}

impl<L: Listener, E: 'static> IntoFuture for Serve<L, E> {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<L: Listener, E: 'static> Serve<L, E> {
    /// Accepts connections until the shutdown, then waits for them to end.
    async fn run(self) -> io::Result<()> {
        let Serve { listener, mut begin, max_connections, on_error, mut shutdown, grace } = self;
        let mut connections = Connections { tasks: TaskGroup::new(), peers: BTreeMap::new(), on_error };
        let mut pause: Option<Sleep> = None; // after an error of `accept`
        let accepting = poll_fn(|cx| {
            loop {
                listener.check()?;
                if shutdown.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(io::Result::Ok(()));
                }
                // (Asked only while there is one: the answer that there is none spends budget.)
                while !connections.tasks.is_empty()
                    && let Poll::Ready(Some(())) = connections.poll_ended(cx)
                {
                    pause = None; // its descriptor is free
                }
                if connections.tasks.len() >= max_connections {
                    return Poll::Pending;
                }
                if let Some(sleep) = &mut pause {
                    ready!(sleep.poll_over(cx));
                    pause = None;
                }
                ready!(budget::poll_left(cx)); // a listener may always be ready
                let accepted = ready!(listener.poll_accept(cx));
                budget::spend();
                match accepted {
                    Ok((stream, peer)) => begin(&mut connections, stream, peer),
                    Err(error) => {
                        // A client that has gone away meanwhile does not hold up the next one.
                        let is_gone = matches!(error.kind(), ConnectionAborted | ConnectionReset);
                        pause = (!is_gone).then(|| sleep(RETRY));
                        (connections.on_error)(ServeError::Accept(error));
                    }
                }
            }
        });
        accepting.await?;
        drop((listener, begin, shutdown)); // a connection may wait for what they hold
        if let Some(grace) = grace
            && timeout(grace, connections.all_ended()).await.is_err()
        {
            connections.tasks.abort_all();
        }
        connections.all_ended().await;
        Ok(())
    }
}

/// The connections that are open.
struct Connections<A, E> {
    tasks: TaskGroup<Result<(), E>>,
    /// The peer of each task, by the task's id. (A tree gives the memory of a burst back.)
    peers: BTreeMap<u64, A>,
    on_error: Box<dyn FnMut(ServeError<A, E>)>,
}

impl<A: Debug, E: 'static> Connections<A, E> {
    /// Adds a connection. Observers receive the peer's address as the name of its task.
    fn add(&mut self, task: u64, peer: A) {
        if current::running(|state| state.log.is_on()) == Some(true) {
            let name = format!("{peer:?}").into(); // user code: the state is free meanwhile
            current::running(|state| state.record(|_| EventKind::Named { task, name }));
        }
        self.peers.insert(task, peer);
    }

    /// Polls for the next connection that ends, and reports its error if it has failed. Ready with `None` if
    /// none is open.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let Some((id, result)) = ready!(self.tasks.poll_next(cx)) else { return Poll::Ready(None) };
        match (self.peers.remove(&id), result) {
            (Some(peer), Ok(Err(error))) => (self.on_error)(ServeError::Handler(peer, error)),
            (Some(peer), Err(error)) => (self.on_error)(ServeError::Join(peer, error)),
            _ => {}
        }
        Poll::Ready(Some(()))
    }

    /// Waits until all have ended.
    async fn all_ended(&mut self) {
        while poll_fn(|cx| self.poll_ended(cx)).await.is_some() {}
    }
}

/// An error that does not end [`serve`]. `A` is the address of a client.
///
/// ```
/// use boucle::net::ServeError;
///
/// fn is_our_fault<A, E>(error: &ServeError<A, E>) -> bool {
///     matches!(error, ServeError::Join(_, error) if error.is_panic())
/// }
/// let out_of_descriptors = ServeError::<(), ()>::Accept(std::io::Error::other("too many open files"));
/// assert!(!is_our_fault(&out_of_descriptors));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError<A, E> {
    /// `accept` has failed.
    Accept(io::Error),
    /// The handler of this client's connection has returned an error.
    Handler(A, E),
    /// The handler of this client's connection has panicked, or was aborted when the grace was over.
    Join(A, JoinError),
}

impl<A: Debug, E: Display> Display for ServeError<A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peer, why): (_, &dyn Display) = match self {
            ServeError::Accept(error) => return write!(f, "cannot accept a connection: {error}"),
            ServeError::Handler(peer, error) => (peer, error),
            ServeError::Join(peer, error) if error.is_cancelled() => (peer, &"the grace was over"),
            ServeError::Join(peer, error) => (peer, error),
        };
        write!(f, "the connection from {peer:?} failed: {why}")
    }
}

impl<A: Debug, E: Debug + Display> Error for ServeError<A, E> {}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::{EventLoop, now};

    /// A listener that accepts what it was given: a connection lasts so many milliseconds.
    struct Script(RefCell<VecDeque<io::Result<u64>>>);

    impl Listener for Script {
        type Stream = Duration;
        type Address = &'static str;

        fn poll_accept(&self, _: &mut Context<'_>) -> Poll<io::Result<(Duration, &'static str)>> {
            let next = self.0.borrow_mut().pop_front();
            let Some(next) = next else { return Poll::Pending };
            Poll::Ready(next.map(|millis| (Duration::from_millis(millis), "a client")))
        }
    }

    /// A listener that is always ready, or fails at once, keeps neither the shutdown nor other tasks from their
    /// turn.
    #[test]
    fn a_listener_may_always_be_ready() {
        struct Always(bool);
        impl Listener for Always {
            type Stream = ();
            type Address = ();

            fn poll_accept(&self, _: &mut Context<'_>) -> Poll<io::Result<((), ())>> {
                Poll::Ready(if self.0 { Ok(((), ())) } else { Err(ConnectionAborted.into()) })
            }
        }
        for accepts in [true, false] {
            crate::run(async {
                let yields = crate::spawn(async {
                    for _ in 0..5 {
                        crate::yield_now().await;
                    }
                });
                let server = serve(Always(accepts), async |(), ()| io::Result::Ok(()));
                server.on_error(drop).shutdown_when(yields).await.unwrap();
            });
        }
    }

    /// Other threads may write to stderr while the default function makes a line for it of an error.
    #[test]
    fn an_error_is_formatted_before_stderr_is_locked() {
        struct Failed(Rc<Cell<bool>>);
        impl Display for Failed {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (wrote, written) = mpsc::channel();
                thread::spawn(move || {
                    drop(io::stderr().lock());
                    wrote.send(())
                });
                self.0.set(written.recv_timeout(Duration::from_secs(10)).is_ok());
                f.write_str("a test")
            }
        }
        let others_may_write = Rc::new(Cell::new(false));
        let seen = others_may_write.clone();
        let handle = move |_, _| std::future::ready(Err::<(), _>(Failed(seen.clone())));
        let server = serve(Script(RefCell::new([Ok(1)].into())), handle);
        crate::run(server.shutdown_when(crate::yield_now()).into_future()).unwrap();
        assert!(others_may_write.get());
    }

    /// After an error `serve` waits for a second, or until a connection ends; but not if the client was at
    /// fault. Each error is reported.
    #[test]
    fn errors_of_accept_do_not_end_the_server() {
        let script = [
            Err(ConnectionAborted),
            Err(ConnectionReset),
            Ok(300),
            Ok(1_500),
            Err(io::ErrorKind::Other),
            Err(io::ErrorKind::Other),
            Err(io::ErrorKind::Other),
            Ok(1),
            Err(ConnectionAborted),
            Ok(10),
        ];
        let script = script.map(|next| next.map_err(Into::into)).into();
        let log = Rc::new(RefCell::new(Vec::new()));
        let event_loop = EventLoop::builder().virtual_clock().build().unwrap();
        event_loop.block_on(async {
            let start = now();
            let (errors, connections) = (log.clone(), log.clone());
            let add = move |log: &RefCell<Vec<_>>, line| {
                log.borrow_mut().push(format!("{} ms: {line}", (now() - start).as_millis()));
            };
            serve(Script(RefCell::new(script)), move |lasts, _| {
                add(&connections, format!("lasts {} ms", lasts.as_millis()));
                async move {
                    sleep(lasts).await;
                    io::Result::Ok(())
                }
            })
            .on_error(move |error| add(&errors, error.to_string()))
            .shutdown_when(sleep(Duration::from_secs(10)))
            .await
            .unwrap();
            assert_eq!(now() - start, Duration::from_secs(10));
        });
        let expected = [
            "0 ms: cannot accept a connection: connection aborted",
            "0 ms: cannot accept a connection: connection reset",
            "0 ms: lasts 300 ms",
            "0 ms: lasts 1500 ms",
            "0 ms: cannot accept a connection: other error",
            "300 ms: cannot accept a connection: other error",
            "1300 ms: cannot accept a connection: other error",
            "1500 ms: lasts 1 ms",
            "1500 ms: cannot accept a connection: connection aborted",
            "1500 ms: lasts 10 ms",
        ];
        assert_eq!(*log.borrow(), expected);
    }
}
