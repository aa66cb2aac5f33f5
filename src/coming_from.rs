//! Coming from asyncio or tokio: every name of this crate, what it is called there, and what differs.
//!
//! "The same" means the same name, and the same meaning but for what the last column says; "none" means that
//! there is no counterpart. Where a name is from another crate than tokio, or another module of Python than
//! asyncio, the table says so. Signals, [`AsyncFd`] and Unix sockets exist on Unix alone.
//!
//! ```python
//! async def squares():
//!     async with asyncio.timeout(1):
//!         return await asyncio.gather(square(2), square(3))
//!
//! assert asyncio.run(squares()) == [4, 9]
//! ```
//!
//! ```
//! # use std::time::Duration;
//! # async fn square(n: u64) -> u64 { n * n }
//! async fn squares() -> Result<Vec<u64>, boucle::Elapsed> {
//!     let squares = boucle::gather([square(2), square(3)]);
//!     boucle::timeout(Duration::from_secs(1), squares).await
//! }
//!
//! assert_eq!(boucle::run(squares()), Ok(vec![4, 9]));
//! ```
//!
//! # From asyncio
//!
//! - A coroutine does nothing until it is awaited or spawned, as in Python. Awaiting it runs it as a part of
//!   the task; only [`spawn`], [`gather`](fn@crate::gather) and what builds on them make tasks.
//! - There are no exceptions. An error is an `Err` that the coroutine returns. A panic ends its task, and is a
//!   [`JoinError`] where the handle is awaited.
//! - To cancel is to drop. A coroutine that is aborted gets no `CancelledError`, so it cannot refuse, and
//!   awaits nothing more: its destructors run, where Python's `finally` would.
//! - A drop does not wait for these destructors. Dropping a [`gather`](fn@crate::gather) or a [`TaskGroup`], as
//!   a [`timeout`] does, only aborts its children: they are dropped by the end of the next batch, and what they
//!   gather one batch later. Until then these may still be polled. asyncio cancels a `gather` of gathers at once
//!   (a `TaskGroup` within another two turns later), and awaits them. To wait for a group's tasks: `abort_all`,
//!   then `join_next` until `None`.
//! - Cancellation does not pass through a handle: whatever drops a [`JoinHandle`] leaves its task running.
//! - An `Err` of a task whose handle is dropped is lost, where asyncio logs "exception was never retrieved". A
//!   panic is reported by the panic hook.
//! - A task that nothing refers to is not collected: it goes on until it is done, or the loop ends.
//! - [`run`] drops the tasks that are left when the main coroutine returns; they cannot await anything then.
//! - For a program that counts turns: what waits for several tasks ([`gather`](fn@crate::gather), [`wait`],
//!   [`TaskGroup`], [`as_completed`]) goes on in the turn after the wait is over, or at once, if it was over
//!   before the call. In asyncio that is one turn later, as a callback comes in between. A `gather` or an
//!   `as_completed` of handles takes two turns, even if all were done: it spawns tasks that await them. If
//!   several tasks of a [`TaskGroup`] are done in one turn, the first queues what waits for the group; in
//!   asyncio the last, or the one that failed.
//!
//! # From tokio
//!
//! - A loop is like a `LocalRuntime`, or a `current_thread` runtime with a `LocalSet` around it: a future
//!   need not be `Send`, and [`spawn`] is `spawn_local`. A loop never leaves its thread; for several cores,
//!   run several loops.
//! - Nothing has to be enabled: every loop has sockets and timers.
//! - Streams read and write by the traits of `futures-io`: `read`, `read_exact` and `write_all` are methods of
//!   `AsyncReadExt` and `AsyncWriteExt` of `futures_lite`. For tokio's traits, `tokio-util` has `compat()`.
//! - Times are [`std::time::Instant`], under a virtual clock too: get one with [`now`], and write
//!   `now() - start` for `start.elapsed()`.
//! - Tasks are polled in the order in which they were woken, and timers fire in the order of their deadlines (in
//!   one microsecond, in the order of arming). Nothing is random, so under a virtual clock a run repeats itself,
//!   unless a socket or a thread takes part. (`BOUCLE_SHUFFLE` sets another order of tasks: each seed has its
//!   own, which repeats itself too.)
//! - Locks, channels, files and processes come from other crates: see [What is not here](#what-is-not-here).
//!
//! # The loop
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`run`] | `run` | `#[tokio::main]`, `Runtime::block_on` | asyncio makes one more turn, in which a task that was just spawned begins, then cancels the tasks that are left and awaits them; here, as in tokio, they are dropped. Ctrl-C ends the process at once, unless the program waits for [`signal::ctrl_c`] or has a [`signal::stream`] of it |
//! | [`stop`] | `loop.stop` | none | from inside the loop |
//! | [`EventLoop`] | `AbstractEventLoop`, `Runner` | `LocalRuntime`; `Runtime` with a `LocalSet` | dropping it closes it |
//! | [`EventLoop::new`] | `new_event_loop` | `LocalRuntime::new` | there is no `set_event_loop`, and no policy: the loop that runs on the thread is the current one |
//! | [`EventLoop::builder`] | none | `Builder::new_current_thread` | |
//! | [`EventLoop::spawn`] | `loop.create_task` | `LocalSet::spawn_local` | the loop need not run |
//! | [`EventLoop::block_on`] | `loop.run_until_complete`, `Runner.run` | `LocalSet::block_on` | tasks that are left stay for the next run (asyncio makes one more turn, as its `run`). A stop, or a deadlock under a virtual clock, is a panic |
//! | [`EventLoop::run_forever`] | `loop.run_forever` | none | tokio's users block on a future that is never ready |
//! | [`EventLoop::turn`] | `loop._run_once` (private) | none | runs the batch first and parks then; asyncio's selects first |
//! | [`EventLoop::stop`] | `loop.stop` | none | |
//! | [`EventLoop::handle`] | the loop itself | `Runtime::handle` | |
//! | [`Turn`] | none | none | what a turn did |
//! | [`Builder`] | none | `runtime::Builder` | |
//! | [`Builder::build`] | none | `Builder::build_local`, `build` | |
//! | [`Builder::virtual_clock`] | none | `start_paused` | works without a feature; a deadlock is a panic that lists the tasks, except in a `turn` that has a timeout or finds no task left. While a task waits for a socket, or a job runs, real time passes; tokio's clock jumps though a socket is waited for, and stands still while a `spawn_blocking` runs |
//! | [`Builder::observe`] | none | `on_task_spawn`, `on_before_task_poll`, … (unstable) | one function for every event |
//! | [`Builder::slow_poll`] | `loop.slow_callback_duration` | none | no debug mode is needed |
//! | [`Builder::shuffle`] | none | none; `shuttle` and `loom` for threads | another order than FIFO, by a seed |
//! | [`Builder::shutdown_timeout`] | `loop.shutdown_default_executor(timeout)` | `Runtime::shutdown_timeout` | set when the loop is built. [`run`] has no bound, and drops queued jobs; `asyncio.run` has one of five minutes (since 3.12), and runs queued jobs, unless a task that it cancels awaits them |
//!
//! # From other threads
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`LoopHandle`] | the loop itself | `Handle` | it keeps no loop alive |
//! | [`LoopHandle::current`] | `get_running_loop`, `get_event_loop` | `Handle::current` | it makes no loop where none runs: it panics |
//! | [`LoopHandle::spawn`] | `call_soon_threadsafe`, `run_coroutine_threadsafe` | `Handle::spawn` | takes a closure that makes the future, which need not be `Send`; the task is detached: let it send a result by a channel. There is no `Handle::block_on` and no `enter`: a thread waits for that result by a channel of std. On the loop's own thread too, it is spawned after the next park |
//! | [`LoopHandle::stop`] | `call_soon_threadsafe(loop.stop)` | none | takes effect when the loop reads it in its inbox: up to 61 polls, or one batch, later, unless more than 1,024 messages are before it |
//! | [`LoopHandle::dump`] | `python -m asyncio ps PID` (3.14) | `Handle::dump` (unstable) | blocks the caller up to a limit; says which task holds the loop's thread |
//! | [`LoopHandle::hold_clock`] | none | none | in tokio only a `spawn_blocking` holds a paused clock |
//! | [`ClockHold`] | none | none | |
//! | [`LoopGone`] | `RuntimeError("Event loop is closed")` | none | tokio's `Handle::spawn` gives a handle that is cancelled |
//!
//! # Tasks
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`spawn`] | `create_task`, `ensure_future` | `spawn_local` | polled in the next batch; asyncio keeps only a weak reference to a task. To detach it, `drop` the handle: the compiler warns of one that is not used. If a poll panics, the variables of an `async fn` are dropped while the panic unwinds, as in tokio. A spawned future that is written by hand is dropped after that, so `std::thread::panicking()` is false in its destructor; in tokio it is true |
//! | [`spawn_named`] | `create_task(…, name=…)` | `task::Builder::name` (unstable) | there is no `Task.set_name` |
//! | [`JoinHandle`] | `Task` | the same | it can be awaited once, which takes the value (several can await its `shared()`, of `futures`); not in the task itself; and only on the loop's own thread, where tokio's can be awaited on any. When the loop is gone it gives "cancelled"; a `Task` keeps its result. A value without a wait: `if task.is_finished() { task.await }` (after 128 results in one poll it yields first) |
//! | [`JoinHandle::abort`] | `Task.cancel` | the same | the future is dropped at its place in the ready queue; it cannot refuse, and there is no `uncancel` and no `cancelling`. A task that aborts itself loses what its poll returns, an `Err` too |
//! | [`JoinHandle::abort_handle`] | none | the same | |
//! | [`JoinHandle::is_finished`] | `Task.done` | the same | on the loop's own thread |
//! | [`JoinHandle::id`] | none | the same | a number that counts the loop's tasks and main futures |
//! | [`AbortHandle`] | none | the same | it keeps nothing alive |
//! | [`AbortHandle::abort`] | `Task.cancel` | the same | |
//! | [`AbortHandle::is_finished`] | `Task.done` | the same | on the loop's own thread |
//! | [`AbortHandle::id`] | none | the same | |
//! | [`JoinError`] | the task's exception, or `CancelledError` | the same | it is `Clone`; its texts differ from tokio's |
//! | [`JoinError::is_cancelled`] | `Task.cancelled` | the same | |
//! | [`JoinError::is_panic`] | `Task.exception` is not `None` | the same | of a panic alone: an `Err` is in the task's value |
//! | [`JoinError::try_into_panic`] | `Task.exception` | the same | there is no `into_panic` |
//! | [`JoinError::resume`] | `Task.result` raises it | `resume_unwind(error.into_panic())` | |
//! | [`JoinError::id`] | none | the same | |
//! | [`JoinError::name`] | `Task.get_name` | none | of a task that has failed; [`dump()`] has those of all |
//! | [`yield_now`] | `sleep(0)` | the same | tokio's wakes the task after its poll, and asks the kernel before it goes on. Here up to 61 polls, or one batch, of the same `block_on` may come before timers are looked at and the kernel is asked (asyncio does so in each turn) |
//! | [`YieldNow`] | none | none | tokio's is unnamed |
//! | [`consume_budget`] | none | `task::coop::consume_budget` | outside a loop it does nothing. An executor inside a poll goes on at once, where tokio's `consume_budget` makes it wait for the next poll |
//! | [`dump()`] | `all_tasks`; `print_call_graph`, `python -m asyncio pstree` (3.14) | `Handle::dump` (unstable) | what each task waits for, in place of stack traces |
//! | [`Dump`], [`DumpError`] | `FutureCallGraph` (3.14) | `runtime::Dump` (unstable) | |
//! | [`run_in_executor`] | `loop.run_in_executor`, `to_thread` | `spawn_blocking` | queued at the call, `to_thread` at the await; gives no `Result`: a panic of the work is resumed. All loops share the threads, up to 512; asyncio's default executor has `min(32, cores + 4)`. For a bound of your own (`set_default_executor`, `ThreadPoolExecutor(n)`), wait for a permit of a `Semaphore` before the call. The work has no loop, where tokio's may spawn and sleep: move a [`LoopHandle`] into it. It sees no task-local value, where that of `to_thread` does: pass it in |
//! | [`RunInExecutor`] | `Future` | `JoinHandle` | dropping it gives up queued work, as asyncio's `cancel` does; tokio's work runs on, as does that of `drop(spawn(job))` here |
//!
//! # Several at once
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`gather`](fn@crate::gather) | `gather` | `futures::future::join_all` | spawns the futures, at its first poll (asyncio's at the call), so they must be `'static`. An `Err` is a value, so it ends nothing: see [`try_gather`]. A panic aborts the others; for handles it returns the `Result` of each, as `return_exceptions=True` does |
//! | [`gather!`] | `gather` | `join!` | the same, for different types |
//! | [`try_gather`] | `gather` | `futures::future::try_join_all` | after an error the others go on, as in asyncio. Of handles, only a panic or an abort is an error: a task's own `Err` stays in its value |
//! | [`Gather`], [`TryGather`] | `Future` | `JoinAll`, `TryJoinAll` of `futures` | dropping it aborts its children; a task behind a handle goes on |
//! | [`wait`] | `wait` | `select_all` of `futures` | two lists in the order of the input, in place of sets |
//! | [`FIRST_COMPLETED`], [`FIRST_EXCEPTION`], [`ALL_COMPLETED`] | the same | none | an `Err` counts as an exception; an abort does not |
//! | [`FirstCompleted`], [`FirstException`], [`AllCompleted`], [`Mode`] | strings | none | their types |
//! | [`Wait`], [`Wait::timeout`] | `wait(…, timeout=…)` | `timeout` around it | the timeout gives the handles back, and aborts nothing. With zero no turn passes; in asyncio two do |
//! | [`as_completed`] | `as_completed` | `JoinSet`; `FuturesUnordered` of `futures` | a stream of values: let each contain its key (since 3.13 `async for` gives the tasks that were passed); dropping it aborts its children. For its `timeout`, put a [`timeout`] around the `while let` |
//! | [`AsCompleted`] | the iterator | `FuturesUnordered` | |
//! | [`TaskGroup`] | `TaskGroup` | `JoinSet`; `TaskTracker` of `tokio-util` | no `async with`: await one of its joins. All tasks have one type; for others, [`gather!`]. Dropping it aborts its tasks, as a `JoinSet` does. A task that is done stays in it until it is joined, where asyncio's forgets it: a server joins as it goes |
//! | [`TaskGroup::new`] | `TaskGroup()` | `JoinSet::new` | |
//! | [`TaskGroup::spawn`] | `TaskGroup.create_task` | `JoinSet::spawn_local` | takes `&self`, so tasks can spawn siblings; gives an [`AbortHandle`]. No `detach_all` and no `extend` |
//! | [`TaskGroup::spawn_named`] | `TaskGroup.create_task(…, name=…)` | `JoinSet::build_task` (unstable) | |
//! | [`TaskGroup::try_spawn`] | `create_task`, with its `RuntimeError` | none | gives the future back if the group is closed, by `close` or by a failure that `join_all` or `try_join_all` has seen. After a join without a failure the group takes more tasks; asyncio's refuses: "is finished" |
//! | [`TaskGroup::join_next`] | none | `JoinSet::join_next` | takes `&self`. When the group's loop is gone, every join panics; a `JoinSet`'s gives "cancelled". For `try_join_next`, `poll_once(group.join_next())` of `futures_lite`, in the task that waits for the group (another one would take over its wake), and as long as the poll has budget: it gives `None` after 128. For `join_next_with_id`, let the task return a number of its own; a [`JoinError`] has the [`id`](JoinError::id) of the [`AbortHandle`] |
//! | [`TaskGroup::poll_join_next`] | none | `JoinSet::poll_join_next` | |
//! | [`TaskGroup::join_all`] | the end of `async with` | `JoinSet::join_all` | values in spawn order. The first panic aborts the others and is resumed: no `ExceptionGroup`. Nothing is aborted before it is awaited, and the code that spawns is never cancelled: for that, spawn it too |
//! | [`TaskGroup::try_join_all`] | the end of `async with` | none | an `Err` aborts the others too |
//! | [`TaskGroup::abort_all`] | `TaskGroup.cancel` (3.15) | `JoinSet::abort_all` | for `JoinSet::shutdown`, then `join_next` until `None` |
//! | [`TaskGroup::close`], [`TaskGroup::is_closed`] | none | `TaskTracker::close`, `is_closed` | a closed group takes no more tasks; a closed `TaskTracker` does |
//! | [`TaskGroup::len`], [`TaskGroup::is_empty`] | none | `JoinSet::len`, `is_empty` | |
//!
//! # Time
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`now`] | `loop.time` | `Instant::now` | `Instant::now()` and `start.elapsed()` are std's, and read the real clock under a virtual one too; tokio's `elapsed` obeys a paused clock |
//! | [`sleep`] | `sleep` | the same | counts from the call, as tokio's; asyncio's from the await. Zero does not yield. The timer wakes the task itself; asyncio's sets a `Future`, so a `call_at` of the same deadline comes before all sleeps |
//! | [`sleep_until`] | `loop.call_at` | the same | |
//! | [`Sleep`] | `TimerHandle` | the same | it is `Unpin` |
//! | [`Sleep::deadline`] | `TimerHandle.when` | the same | `None` before it is known, in a sleep that was made without a loop |
//! | [`Sleep::is_elapsed`] | none | the same | by the clock; tokio's is false until the sleep was polled |
//! | [`Sleep::reset`] | none | the same | takes `&mut self`; wakes nothing, so poll it again |
//! | [`timeout`] | `wait_for`, `timeout` | the same | counts from the call, as `asyncio.timeout`; `wait_for` counts from the await. A value that is there when the future is polled wins; asyncio raises if its timer's callback has run by then (`wait_for` since 3.12). If that poll is pending, it was the last; asyncio's coroutine goes on until the callback. With zero the future is still polled once, where `wait_for(…, 0)` does not start it. Of two nested ones that are both over, the inner gives [`Elapsed`]; asyncio's outer one raises. For no limit, `Duration::MAX`. Nothing is cancelled behind a handle; for `timeout_at` write `timeout(deadline - now(), …)` |
//! | [`Timeout`] | `Timeout` | the same | no `reschedule`: wait for the first of the future and a [`Sleep`], which has a `reset` |
//! | [`Elapsed`] | `TimeoutError` | the same | |
//! | [`interval`] | none | the same | |
//! | [`Interval`] | none | the same | |
//! | [`Interval::tick`], [`Interval::poll_tick`] | none | the same | for `IntervalStream` of `tokio-stream`, `futures_lite::stream::poll_fn` around `poll_tick` |
//! | [`Interval::period`] | none | the same | |
//! | [`Interval::reset`], [`Interval::reset_immediately`], [`Interval::reset_after`], [`Interval::reset_at`] | none | the same | they wake no task, as [`Sleep::reset`]. `interval_at` is a `reset_at` before the first tick |
//! | [`Interval::missed_tick_behavior`], [`Interval::set_missed_tick_behavior`] | none | the same | |
//! | [`MissedTickBehavior`] | none | the same | tokio's `Delay` and `Skip` do nothing about a tick up to 5 ms late, even if the period is shorter |
//!
//! # Sockets: `boucle::net`
//!
//! All sockets: `from_std` makes the socket non-blocking (tokio's leaves that to you); split a stream with
//! `futures_lite::io::split` (tokio's `into_split`), and `close` the writing half: its drop does not shut the
//! stream down, but that of tokio's does. For `try_read`, `try_recv_from` and the like,
//! `poll_once(socket.recv_from(…))` of `futures_lite`: as in tokio, it finds what the latest park has reported;
//! it gives `None` after 128 results in one poll. For the `readable` of a `TcpStream`, `peek` into one byte. For
//! `writable`, `ready` and `try_io`, an [`AsyncFd`] around std's socket, which must be non-blocking, as the one
//! that `into_std` gives.
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`ToSocketAddrs`] | `host`, `port` | the same | names are looked up on threads of their own; sealed in both |
//! | [`TcpListener`] | `Server` | the same | |
//! | [`TcpListener::bind`] | `create_server` | the same | one address, where asyncio binds all that the host has (IPv6 apart from IPv4); for every interface (`host=None`), `[::]:port`, which on Linux takes IPv4 too; a backlog of 128, as tokio's; asyncio's is 100 |
//! | [`TcpListener::accept`], [`TcpListener::poll_accept`] | `loop.sock_accept` | the same | any number of tasks may wait; tokio's `poll_accept` wakes only the last one |
//! | [`TcpListener::local_addr`] | `Server.sockets[0].getsockname()` | the same | |
//! | [`TcpListener::from_std`], [`TcpListener::into_std`] | `create_server(sock=…)` | the same | |
//! | [`TcpStream`] | `StreamReader` with a `StreamWriter` | the same | no buffer of its own: `futures_lite::io` has `BufReader`, `BufWriter` and `read_until`. `write_all` is `write` and `drain`: it waits for room. A `write_all` that is dropped does not send the rest (asyncio's `write` has taken all): spawn it, if a [`timeout`] must not cut it. Dropping the stream is `close`: what was written is sent, but received bytes that were not read cause a reset (asyncio's reader has usually taken them) |
//! | [`TcpStream::connect`] | `open_connection`, `loop.sock_connect` | the same | "Happy Eyeballs", with a delay of 250 ms. asyncio has no `happy_eyeballs_delay` by default, and tries one address after the other, as tokio. The error is that of the address that failed last; asyncio's names all |
//! | [`TcpStream::connect_timeout`] | `wait_for(open_connection(…), …)` | `timeout` around it | the error names the address |
//! | [`TcpStream::peek`] | none | the same | |
//! | [`TcpStream::nodelay`], [`TcpStream::set_nodelay`], [`TcpStream::ttl`], [`TcpStream::set_ttl`] | `get_extra_info("socket")`, then `setsockopt` | the same | asyncio sets `TCP_NODELAY`, the others do not |
//! | [`TcpStream::shutdown`] | `StreamWriter.write_eof` | `AsyncWriteExt::shutdown` | std's, for either direction; `close` of `futures-io` shuts down the writing side |
//! | [`TcpStream::local_addr`], [`TcpStream::peer_addr`] | `get_extra_info("sockname")`, `get_extra_info("peername")` | the same | |
//! | [`TcpStream::from_std`], [`TcpStream::into_std`] | `open_connection(sock=…)`, `loop.connect_accepted_socket` | the same | |
//! | [`UdpSocket`] | `DatagramTransport` | the same | |
//! | [`UdpSocket::bind`] | `create_datagram_endpoint(local_addr=…)` | the same | |
//! | [`UdpSocket::connect`] | `create_datagram_endpoint(remote_addr=…)` | the same | |
//! | [`UdpSocket::send`], [`UdpSocket::poll_send`] | `DatagramTransport.sendto` | the same | asyncio's buffers the message; here, as in tokio, it waits for room |
//! | [`UdpSocket::recv`], [`UdpSocket::poll_recv`] | `datagram_received` | the same | a poll takes `&mut [u8]`, where tokio's takes a `ReadBuf` |
//! | [`UdpSocket::send_to`], [`UdpSocket::poll_send_to`] | `DatagramTransport.sendto`, `loop.sock_sendto` | the same | on Linux, also from a connected socket to any other address, where `DatagramTransport.sendto` raises |
//! | [`UdpSocket::recv_from`], [`UdpSocket::poll_recv_from`] | `datagram_received`, `loop.sock_recvfrom` | the same | |
//! | [`UdpSocket::peek_from`] | none | the same | |
//! | [`UdpSocket::local_addr`], [`UdpSocket::peer_addr`] | `get_extra_info` | the same | |
//! | [`UdpSocket::from_std`], [`UdpSocket::into_std`] | `create_datagram_endpoint(sock=…)` | the same | |
//! | [`UnixListener`] | `Server` | the same | |
//! | [`UnixListener::bind`] | `start_unix_server`, `create_unix_server` | the same | an existing file is an error, and the listener's own file is not removed; asyncio removes an old socket file first, and since 3.13 its own at the end. For an abstract address (tokio's and asyncio's `"\0name"`), std's `bind_addr`, then `from_std` |
//! | [`UnixListener::accept`], [`UnixListener::poll_accept`] | `loop.sock_accept` | the same | |
//! | [`UnixListener::local_addr`] | `Server.sockets[0].getsockname()` | the same | addresses are std's |
//! | [`UnixListener::from_std`], [`UnixListener::into_std`] | `start_unix_server(sock=…)` | the same | |
//! | [`UnixStream`] | `StreamReader` with a `StreamWriter` | the same | |
//! | [`UnixStream::connect`] | `open_unix_connection`, `loop.create_unix_connection` | the same | on Linux, waits if the listener's queue is full, where tokio's gives `WouldBlock`. For an abstract address, std's `connect_addr` in [`run_in_executor`], since it blocks if the queue is full, then `from_std` |
//! | [`UnixStream::pair`] | `socket.socketpair` | the same | |
//! | [`UnixStream::local_addr`], [`UnixStream::peer_addr`] | `get_extra_info` | the same | |
//! | [`UnixStream::from_std`], [`UnixStream::into_std`] | `open_unix_connection(sock=…)` | the same | |
//! | [`UnixDatagram`] | `create_datagram_endpoint(family=AF_UNIX)` | the same | |
//! | [`UnixDatagram::bind`], [`UnixDatagram::unbound`], [`UnixDatagram::pair`], [`UnixDatagram::connect`] | the same, `local_addr=`, `remote_addr=` | the same | an existing file is an error; asyncio removes an old socket file first |
//! | [`UnixDatagram::send`], [`UnixDatagram::poll_send`], [`UnixDatagram::send_to`] | `DatagramTransport.sendto` | the same | `send_to` to a full queue tries again every millisecond; tokio's without a pause |
//! | [`UnixDatagram::recv`], [`UnixDatagram::poll_recv`], [`UnixDatagram::recv_from`], [`UnixDatagram::poll_recv_from`] | `datagram_received` | the same | |
//! | [`UnixDatagram::local_addr`], [`UnixDatagram::peer_addr`] | `get_extra_info` | the same | |
//! | [`UnixDatagram::from_std`], [`UnixDatagram::into_std`] | `create_datagram_endpoint(sock=…)` | the same | |
//! | [`AsyncFd`] | `loop.add_reader`, `loop.add_writer` | the same | a future in place of a callback; with epoll, not for files |
//! | [`AsyncFd::new`] | `loop.add_reader` | the same | of an `AsFd`, where tokio's asks for `AsRawFd`; no `with_interest` |
//! | [`AsyncFd::readable`], [`AsyncFd::poll_readable`] | `loop.add_reader` | `readable`, `poll_read_ready` | asks the kernel each time, so there is no guard, and nothing to clear |
//! | [`AsyncFd::writable`], [`AsyncFd::poll_writable`] | `loop.add_writer` | `writable`, `poll_write_ready` | |
//! | [`AsyncFd::read_with`], [`AsyncFd::poll_read_with`] | `loop.sock_recv`, … | `async_io`, `AsyncFdReadyGuard::try_io` | |
//! | [`AsyncFd::write_with`], [`AsyncFd::poll_write_with`] | `loop.sock_sendall`, … | `async_io`, `AsyncFdReadyGuard::try_io` | |
//! | [`AsyncFd::get_ref`], [`AsyncFd::into_inner`] | `loop.remove_reader`, `loop.remove_writer` | the same | `into_inner` may fail |
//!
//! # Servers
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`serve()`] | `start_server` | `axum::serve` | for any protocol, on one listener; errors of `accept` and of handlers go to `on_error` |
//! | [`Serve`] | `Server` | `axum::serve::Serve` | accepts only while it is awaited, where `start_server` does from the call on; to spawn it, spawn its `into_future()`. Dropping it aborts the handlers; after a `close`, or a cancelled `serve_forever`, asyncio's go on |
//! | [`Serve::max_connections`] | none | a `Semaphore` | |
//! | [`Serve::on_error`] | `loop.set_exception_handler` | none | of one server; for the panics of all tasks, `std::panic::set_hook` |
//! | [`Serve::shutdown_when`] | `Server.close` | axum's `with_graceful_shutdown` | |
//! | [`Serve::grace`] | `Server.wait_closed`, then `abort_clients` | none | for `close_clients`, let the handlers wait for a `CancellationToken` too |
//! | [`ServeError`] | the context of `call_exception_handler` | none | |
//! | [`Listener`] | none | `axum::serve::Listener` | a poll, where axum's `accept` is `async`; its `check` may end the server |
//!
//! # Signals: `boucle::signal`
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`signal::ctrl_c`] | `KeyboardInterrupt` out of `run` | the same | once it was ready, a second Ctrl-C ends the process; after the first call of tokio's, none does |
//! | [`signal::stream`] | `loop.add_signal_handler` | `signal::unix::signal` | any number of streams, on any loops and threads, where asyncio has one handler for a signal, on the main thread; dropping the last lets the signal act as before, perhaps also one that came just before the drop |
//! | [`SignalStream`](crate::signal::SignalStream) | `loop.remove_signal_handler` | `signal::unix::Signal` | a `Stream` too |
//! | [`SignalStream::recv`](crate::signal::SignalStream::recv), [`SignalStream::poll_recv`](crate::signal::SignalStream::poll_recv) | the callback | the same | gives `()`, not `Option<()>`: the stream does not end. Signals that arrive between two polls count as one, as tokio's; asyncio may call back for each |
//! | [`SignalKind`](crate::signal::SignalKind) | `signal.Signals` | the same | an enum, of eleven; asyncio takes any signal, as tokio's `from_raw` does |
//!
//! # HTTP: `boucle::hyper`
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | `hyper::Executor` | none | `hyper_util::rt::TokioExecutor` | futures need not be `Send` |
//! | `hyper::Timer` | none | `hyper_util::rt::TokioTimer` | |
//! | `hyper::Connector`, `hyper::Connector::new`, `hyper::Connector::enforce_http` | none | `HttpConnector` of `hyper-util` | streams need no `TokioIo` |
//!
//! # Seeing the loop: `boucle::observe` and `boucle::trace`
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`Observer`] | none | `tracing::Subscriber`, for tokio's own spans | gets values, in order, on the loop's thread |
//! | [`Event`], [`EventKind`], [`Origin`], [`Outcome`], [`Ending`], [`WaitsFor`] | none | `TaskMeta` (unstable) | |
//! | [`Live`], [`Live::apply`], [`LiveTask`], [`TaskState`] | none | `tokio-console` | the state of the loop between any two events |
//! | [`DumpedTask`], [`Dump::cycles`], [`Holder`] | `FutureCallGraph` (3.14) | `runtime::dump::Task` (unstable) | tasks that wait for each other are found |
//! | [`Recorder`], [`Recorder::new`], [`Recorder::with_limit`], [`Recorder::trace`] | none | none | |
//! | [`Trace`], [`LoopTrace`] | none | none | |
//! | [`Trace::timeline`], [`LoopTrace::timeline`], [`Timeline`], [`Timeline::width`], [`Timeline::lines`], [`Timeline::colours`], [`Timeline::titles`], [`Timeline::legend`], [`Timeline::for_stderr`] | none | none | `BOUCLE_TRACE=timeline` |
//! | [`Trace::to_svg`], [`Trace::to_svg_over_time`], [`Trace::to_html`], [`Trace::to_chrome_json`] | none | none | `BOUCLE_TRACE=run.svg`, `run.html`, `run.json` |
//!
//! # Every schedule: `boucle::explore`
//!
//! | boucle | asyncio | tokio | what differs |
//! |---|---|---|---|
//! | [`explore()`], [`Explore`], [`Explore::new`], [`Explore::run`], [`Explore::try_run`] | none | `loom::model`, `shuttle::check_random` | explores the tasks of one thread; no special primitives are needed |
//! | [`Explore::schedules`], [`Explore::time`], [`Explore::polls`], [`Explore::seed`], [`Explore::strategy`], [`Strategy`], [`Explore::orders`], [`Explore::spurious_polls`], [`Explore::threads`] | none | `loom::model::Builder`, `shuttle::Config` | |
//! | [`Explored`], [`Failure`] | none | a panic | drawn; `BOUCLE_SCHEDULE` replays it |
//! | [`explore::cancel`], [`Explore::cancel`], [`Explore::try_cancel`] | none | none | drops an operation right after each poll that returns `Pending`, and in place of the next |
//! | [`explore::choose`] | none | `shuttle::rand` | let 0 be "no fault": it is chosen in the first run and outside an exploration, and a report leaves it out |
//!
//! # What is not here
//!
//! | need | asyncio | tokio | with boucle |
//! |---|---|---|---|
//! | the first of several futures | `wait(…, return_when=FIRST_COMPLETED)` | `select!` | tokio's `select!` itself (its feature `macros`; with `biased;` the order is fixed), `futures_lite::future::or`; for tasks, [`wait`] |
//! | several futures that borrow | none | `join!` | `futures_lite::future::zip`, `futures::join!` |
//! | locks, semaphores | `Lock`, `Semaphore`, `BoundedSemaphore` | `sync` | tokio's `sync` itself: first come, first served, as asyncio's; a permit is given back by its drop, so not twice. `async-lock` has both too, but its semaphore may starve a waiter |
//! | at most n at a time | `Semaphore` | `Semaphore`; `buffer_unordered` | tokio's `Semaphore` in tasks; or `buffered` and `buffer_unordered` of the crate `futures`, whose futures may borrow |
//! | events, conditions, barriers | `Event`, `Condition`, `Barrier` | `Notify`, `watch`, `Barrier` | `event-listener` (beside a flag of your own: its `notify` is not remembered), tokio's `watch` with `wait_for` (it sees the last value alone: for `set` and at once `clear`, `Notify::notify_waiters`); `async-lock` has a barrier. In its barrier, as in tokio's, a waiter that was aborted still counts; asyncio's forgets it |
//! | channels | `Queue` | `mpsc`, `oneshot`, `watch`, `broadcast` | `async-channel`, `async-broadcast`, or tokio's `sync` itself (but its `blocking_recv` and `blocking_send` block the whole loop, where they panic in a task of tokio's). None of these spends budget: a `while let` over a channel that is never empty needs a [`consume_budget`] in it. `try_recv` is `get_nowait`, `try_send` is `put_nowait`, a closed channel is `QueueShutDown`; for `Queue.join`, a count and an event; for `PriorityQueue` and `LifoQueue`, a `BinaryHeap` or a `Vec`, and tokio's `Notify` |
//! | a result that is set from outside | `loop.create_future`, `Future.set_result`, `Future.set_exception`, `wrap_future` | `oneshot` | `futures::channel::oneshot`, of a `Result` |
//! | to shield a task from its awaiter | `shield` | none needed | none needed: dropping a handle aborts nothing |
//! | a callback, soon or later | `call_soon`, `call_later`, `call_at` | none | `let due = sleep(delay); spawn(async move { due.await; f() })`; to cancel it, abort the task |
//! | a callback when a task is done | `Task.add_done_callback` | none | spawn a coroutine that awaits the handle |
//! | values that come one by one | asynchronous generators, `async for` | `async-stream` | the same crate, or `futures_lite::stream::unfold`; `while let Some(value) = stream.next().await`. `__anext__` is `poll_next`, `StopAsyncIteration` is `None`; for comprehensions, `StreamExt` |
//! | a context manager | `async with` | none | a value with a destructor; if its exit awaits, a method that takes the value: `connection.close().await` |
//! | clean-up that awaits | `finally` with an `await` | none | a destructor that spawns it: nothing waits for that task, and at the end of the loop it is never polled; or tell the task to stop, by a channel |
//! | context variables | `contextvars` | `task_local!` | tokio's `task_local!` itself (its feature `rt`), or a future that sets a thread-local for each poll: see [`spawn`]. A child task does not inherit it |
//! | a task that begins at once | `eager_task_factory` (3.12) | none | poll it once, then spawn it: `let mut work = Box::pin(work); if poll_once(&mut work).await.is_none() { drop(spawn(work)) }`, with `poll_once` of `futures_lite` |
//! | a factory for tasks | `loop.set_task_factory` | none | a function of your own around [`spawn`]; to see all spawns, [`Builder::observe`] |
//! | protocols and transports | `Protocol`, `loop.create_connection` | none | a coroutine that owns the stream: `connection_made` is its beginning, `data_received` what its `read` gives, `connection_lost` its end; `pause_reading` is not to read, `pause_writing` a `write_all` that waits |
//! | TLS | `ssl=…`, `start_tls` | `tokio-rustls` | `futures-rustls`, around a stream, connected or accepted: see [`ecosystem`] |
//! | a debug mode | `run(…, debug=True)`, `PYTHONASYNCIODEBUG` | none | none needed: [`Builder::slow_poll`], `BOUCLE_SLOW_POLL`, `BOUCLE_DUMP`; the compiler warns of a future that is not awaited |
//! | the task that runs | `current_task` | `task::id` | [`dump()`] shows it, in O(n log n); to abort itself, a task needs its [`AbortHandle`] |
//! | lines and buffers | `StreamReader.readline` | `io::BufReader` | `futures_lite::io::BufReader`; its `read_line` needs an empty `String`. A line has no limit (asyncio's: 64 KiB): for one, `LinesCodec::new_with_max_length` of `tokio-util`, which after a line that is too long gives an error, and then `None` once before the next line. Lines in the buffer come without a wait: see [`consume_budget`]. For `read_buf`, `read_u16` and the like, tokio's `AsyncReadExt` on `stream.compat()` |
//! | both directions of a proxy | two tasks, `write_eof` | `io::copy_bidirectional` | the same, on `stream.compat()` (tokio's feature `io-util`). `futures_lite::io::copy` does not close what it writes to: after it, `stream.shutdown(Shutdown::Write)` |
//! | files | none | `fs` | `async-fs`, [`run_in_executor`] |
//! | child processes | `create_subprocess_exec`, `create_subprocess_shell`, `loop.subprocess_exec`, `loop.subprocess_shell` | `process` | `async-process`; for a shell, `Command::new("sh").arg("-c")`. A process that still runs at the end of the program goes on, unless it has `kill_on_drop(true)`; asyncio kills it (since 3.12, on Linux). `terminate` and `send_signal` are `rustix::process::kill_process` |
//! | blocking work in place | none | `block_in_place` | [`run_in_executor`] |
//! | a look-up of a name | `loop.getaddrinfo` | `net::lookup_host` | std's `ToSocketAddrs` in [`run_in_executor`] |
//! | the name of an address | `loop.getnameinfo` | none | `reverse_lookup` of `hickory-resolver`: see [`ecosystem`] |
//! | a file into a socket | `loop.sendfile`, `loop.sock_sendfile` | none | `futures_lite::io::copy` of an `async_fs::File`, by a buffer; in the kernel (Linux), `rustix::fs::sendfile` in `write_with` of an [`AsyncFd`] around `stream.into_std()?` |
//! | the process at the other end of a Unix socket | `socket.SO_PEERCRED` | `UnixStream::peer_cred` | `rustix::net::sockopt::socket_peercred` (Linux) |
//! | to move the clock by hand | none | `time::advance`, `pause`, `resume` | a virtual clock, and [`EventLoop::turn`] with a timeout, again and again: when no task is ready, and a task or a [`LoopHandle`] is left, it moves time to the next deadline or by the timeout. While a task waits for a socket, time is real |
//! | to end the program from a task | `sys.exit` | `std::process::exit` | the same, which runs no destructor (asyncio's `run` cancels all tasks first); better, end the main coroutine |
//! | an asynchronous test | `unittest.IsolatedAsyncioTestCase` | `#[tokio::test]` | [`run`] in a `#[test]`; for `start_paused`, a loop with a virtual clock |
//! | to tell tasks to stop | `Event` | `CancellationToken` of `tokio-util` | the same token; it needs no tokio runtime. `TaskTracker` (feature `rt`) needs none either: `spawn(tracker.track_future(work))` |
//! | a task that ends with its handle | none | `AbortOnDropHandle` of `tokio-util` | a [`TaskGroup`] of one; `remote_handle` of `futures` |
//! | tasks by a key | none | `JoinMap` of `tokio-util` | a [`TaskGroup`] whose tasks return their keys; for errors, a map from [`AbortHandle::id`] |
//! | values that expire | `loop.call_later` | `DelayQueue` of `tokio-util` | a task with a [`sleep`] for each, or a `FuturesUnordered` of sleeps |
//! | counts of tasks and polls | `all_tasks` | `Handle::metrics` (of polls, unstable) | [`Turn`], [`dump()`], [`Live`] in an observer |
//! | frames of a stream | `StreamReader.readuntil`, `readexactly` | `codec::Framed` of `tokio-util` | the same, on `stream.compat()`; `futures_lite`'s `read_until`, `read_exact`. For a separator of several bytes, `read_until` the last of them, until the vector ends with it. A `read_exact` or `read_line` that is dropped, as by a [`timeout`], loses what it has read; a `StreamReader` keeps it, and so do `Framed`, `lines()` and the vector of `read_until`. Or go on with the same future: `timeout(limit, &mut read)`, pinned. An early end does not tell how many bytes came, as `IncompleteReadError.partial` does |
//! | options of a socket | `get_extra_info("socket")` | `TcpSocket` | `socket2`, then `from_std`; its `SockRef` for a socket of boucle |
//! | a connection from a local address | `open_connection(local_addr=…)` | `TcpSocket::bind`, then `connect` | `bind` and `connect_timeout` of `socket2` in [`run_in_executor`], then [`TcpStream::from_std`] |
//! | stdin | `connect_read_pipe` | `io::stdin` | `blocking::Unblock::new(std::io::stdin())`, which reads on a thread, a file too |
//! | pipes and terminals | `connect_read_pipe`, `connect_write_pipe` | `net::unix::pipe` | [`AsyncFd`], but not around a reader with a buffer, such as `std::io::stdin()`. For a FIFO, await `readable` before the first read: it finds the end if no writer has opened it yet |
//!
//! [`ecosystem`] has more, with what was tried.
// For the links.
#[cfg(doc)]
use crate::{explore::*, net::*, observe::*, trace::*, *};
