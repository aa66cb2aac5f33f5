//! **boucle** ("loop") is an async event loop to read: asyncio's model in Rust, on one thread,
//! directly on mio. It has `run`, `spawn`, `sleep`, `gather`, `wait(FIRST_COMPLETED)` and task groups,
//! sockets, signals, a thread pool for what blocks, and a clock that can be virtual.
//!
//! ```
//! use std::time::Duration;
//!
//! async fn say_after(millis: u64, what: &str) {
//!     boucle::sleep(Duration::from_millis(millis)).await;
//!     println!("{what}");
//! }
//!
//! boucle::run(async {
//!     let hello = boucle::spawn(say_after(20, "hello"));
//!     let world = boucle::spawn(say_after(10, "world"));
//!     hello.await.unwrap(); // "world" comes first: both sleep at the same time
//!     world.await.unwrap();
//! });
//! ```
//!
//! Coming from asyncio or tokio? [`coming_from`] has every name of this crate beside theirs, and what differs.
//!
//! # An event loop in ten lines
//!
//! A *future* is a value that can be polled: a *poll* resumes it where it stopped, and returns *ready*, with the
//! result, or *pending*. A coroutine, which is what an `async fn` returns, is a future, and its `await` polls
//! another. A *task* is a future that the loop owns. To *wake* a task is to put it into the ready queue. Each
//! poll is given a *waker*, which does that, and an `await` passes it on.
//!
//! The contract is one sentence: **a future that is pending has arranged a wake**. So a loop need not know
//! what its tasks wait for. It polls those that are ready, sleeps if there are none, and then wakes those that
//! need not wait any longer:
//!
//! ```
//! # use std::{collections::BTreeMap, mem::take};
//! # let (mut ready, mut inbox, mut timers) = (vec![1], vec![2], BTreeMap::from([(9, 3)]));
//! # let (mut now, mut polled) = (0, vec![]);
//! # fn poll(task: i32, polled: &mut Vec<i32>) { polled.push(task) }
//! loop {
//!     for task in take(&mut ready) {
//!         poll(task, &mut polled); // it may spawn, wake, arm a timer, try a socket
//!     }
//!     let first = timers.keys().next().copied();
//!     let until = if ready.is_empty() && inbox.is_empty() { first } else { Some(now) }; // now: do not sleep
//!     ready.extend(kernel(&mut now, until)); // sleeps until then, or until a socket or a thread ends it
//!     ready.extend(take(&mut inbox)); // what another thread has woken
//!     ready.extend(due(&mut timers, now));
//!     # if polled.len() == 3 { break }
//! }
//! # assert_eq!((polled, now), (vec![1, 2, 3], 9));
//! # fn kernel(now: &mut u32, until: Option<u32>) -> Vec<i32> {
//! #     *now = until.unwrap_or(*now);
//! #     vec![]
//! # }
//! # fn due(timers: &mut BTreeMap<u32, i32>, now: u32) -> Vec<i32> {
//! #     let later = timers.split_off(&(now + 1));
//! #     std::mem::replace(timers, later).into_values().collect()
//! # }
//! ```
//!
//! `examples/from_scratch`, in the repository, begins with asyncio's loop in Python, and builds up to a loop
//! with real sockets in five steps: each is a loop of at most 220 lines and a chapter of a guide. If you have
//! never seen a loop from within, begin there.
//!
//! # One turn of the loop
//!
//! ```text
//!            ┌──────────────────────────────────────────────────────────────┐
//!            ▼                                                              │
//!   1 run    poll the batch: everything that was ready when the turn        │
//!            │        began, in FIFO order. A task spawns, wakes, arms a    │
//!            │        timer, tries a socket                                 │
//!            ▼                                                              │
//!   2 park   if it is due, ask the kernel; sleep if nothing is left to do,  │
//!            │        until the next deadline or an event                  │
//!            ▼                                                              │
//!   3 wake   sources that are ready ─┐                                      │
//!            the inbox ──────────────┼─▶ their tasks, into the ready queue ─┘
//!            timers that are due ────┘
//! ```
//!
//! A park is due if nothing is ready, or if the polls since the last park and those of the next batch would
//! together be more than 61. If none is due, the turn ends after step 1. With a thousand tasks that are always
//! ready, a park follows each batch. With ten, it follows every sixth batch: after 60 polls, since a seventh
//! would make 70. Polls are counted, not time, since reading the clock costs more than the loop's share of a
//! poll. 61 is tokio's number, and as arbitrary here as there. (`turn.rs` counts *pops*, which are nearly the
//! same, and has the exceptions.)
//!
//! With a virtual clock, an idle loop does not sleep: time jumps to the next deadline (`time/virtual_time.rs`
//! has the exceptions).
//!
//! [`run`] makes an [`EventLoop`], runs its argument as `block_on` does, and drops the loop. `block_on` makes
//! turns until the *main future*, its argument, is done (it panics if [`stop`] ends them first); `run_forever`
//! until [`stop`] is called; [`EventLoop::turn`] makes one, and returns what it did. All four call one
//! function, `run_until` in `src/turn.rs`. A thread runs one loop at a time: a task that calls [`run`] panics.
//! But a thread may have several loops, and run them in turn.
//!
//! On a first reading, go from here to the [reading order](#reading-order), and open the code. Come back to the
//! vocabulary for a word, and to the eleven paths one at a time. The invariants are for those who change the
//! loop; the limits concern its users, too.
//!
//! # Vocabulary
//!
//! | word | meaning |
//! |---|---|
//! | turn | one iteration of the loop: one batch; then, if one is due, a park and the wakes after it |
//! | batch | what was in the ready queue when the turn began (in a loop with an order, such as a shuffled one, a batch is one number, drawn from the queue) |
//! | poll | to resume a *future*, once. The kernel is asked, never polled (mio's `Poll`, in `net/poller.rs`, is another thing) |
//! | park | the second step: the loop asks the kernel for events, with a timeout (`park.rs` says when it need not). A turn sleeps nowhere else |
//! | wake, waker | to *wake* a task is to put it in the ready queue; a waker does that |
//! | arm, fire | a timer is armed when it is put into the *wheel*, the hierarchical table of timers, and fires in the third step of a turn, once its deadline has come |
//! | task | a spawned future, with an *entry* in the table. A *cell* holds the future, later its output. The cell's allocation is the task's *box*, which the entry owns between polls |
//! | slot | a place in a *slab*, which is a vector with a list of its free places: the index is valid until the entry is removed. (The wheel's slots are another thing) |
//! | handle | a `JoinHandle`: it awaits a task, and may abort it |
//! | abort, cancel | to *abort* a task is to ask that it be dropped; to *cancel* it is to drop it: when its number is popped, when its poll ends, or when the loop ends |
//! | main future | the future of `block_on`: not a task, but in the ready queue like one |
//! | state | all that a loop owns, in one box. One thread-local has that of the running loop, another a list of those of this thread's other loops |
//! | free, in use | said of a state. It is *free* while it is in its thread-local, as during each poll: then a spawn or a wake can take it. It is *in use* while the loop's own code has it out. To *release* it is to put it back; from the taking to the release is one *use* |
//! | running loop | the loop that this thread is running (or making, or dropping) |
//! | waiter | what waits for a timer, a source, a task, a group, a job or a signal: one of boucle's tasks or main futures, or a foreign waker |
//! | joiner | what waits for a task: a waiter, or the task's group |
//! | foreign waker | a waker that is not boucle's: another runtime's, or one that a future makes for its children, as `FuturesUnordered` does |
//! | ready queue | FIFO of what is to be polled, or dropped if it is aborted. A *pop* takes the first number out; a task whose number is in it is *ready* (a stale number counts too, until it is popped). (The result of a poll, and a side of a socket, are ready in another sense) |
//! | done | said of a task that returned, panicked or was dropped; its `JoinHandle` may still have to take the output |
//! | inbox | where messages for the loop are left, mostly by other threads |
//! | message | a request to a loop: to wake or abort a task, to spawn one, to stop, to free what a dropped handle, timer, socket or group has left, and the like |
//! | `LoopHandle` | what another thread holds of a loop, to spawn tasks on it or to stop it. While one exists, an idle loop with a virtual clock waits instead of reporting a deadlock |
//! | bell, ring | what ends a park from another thread (mio's waker); it wakes no task |
//! | virtual clock | a clock that jumps to the next deadline when nothing is ready |
//! | idle | said of a loop when nothing is ready. It gives back the memory that only a burst has needed: many tasks, timers or sockets at one time |
//! | job | blocking work on a thread of the pool: [`run_in_executor`] |
//! | group, member | several tasks that one waiter waits for: the children of a `gather` |
//! | budget | 128 results of ready operations in one poll; then the next operation yields (`task/budget.rs`) |
//! | source | a registered socket, or another descriptor, with two *sides*, read and write, and the *readiness* of each |
//! | edge | the kernel's report that a side has become ready |
//! | token | a source's slot, as the kernel hands it back |
//! | reactor | the table of sources |
//! | allocator's hook | code of the program's own global allocator, if that calls into the loop while memory is allocated. The [limits](#limits) say what it may do |
//!
//! The *number* of a task, or of a main future, is what a waker holds and what is in the ready queue:
//!
//! ```text
//!   | short id of the loop (12) | generation (20) | slot (32) |
//!   └───────────── identity ────────────────────┘
//!
//!   short id     tells apart the loops that are alive at one time; used again when a loop is gone
//!   slot         the task's place in the table; used again when the task is gone
//!   generation   the low bits of the task's id (a loop counts tasks and main futures from 1): two tasks of
//!                one loop and slot differ in them, until they repeat
//! ```
//! (On 32 bits the three have 4, 8 and 20.)
//!
//! A loop has a number of its own: its short id, and a count of the loops that the process has made. No two
//! loops have the same. Handles, armed sleeps and sockets hold that number, so they reach no loop but their own.
//!
//! # Six ideas
//!
//! 1. **Everything the loop owns has a number**, and what users hold (a waker, a handle, a sleep, a
//!    socket, the `EventLoop` itself) has that number, and no pointer. So wakers have no reference count,
//!    nothing dangles, and one block of `unsafe` is enough: it makes a waker from a number.
//! 2. **A wake of a task of the running loop, on its thread, is a store in a queue**, without atomics or locks.
//!    From another thread it goes through the inbox.
//! 3. **One allocation per task**, which holds the future and then its output.
//! 4. **The wheel is pure**: ticks in, fired timers out. It reads no clock and calls no waker.
//! 5. **One kind of waiter.** Timers, sources, joins and groups hold the same small enum and give it back to be
//!    woken, one by one, in order.
//! 6. **The schedule can be seen.** With FIFO, frozen batches and a virtual clock, each run of a program that
//!    uses no sockets, other threads or random numbers has the same schedule. So tests assert whole schedules,
//!    and this documentation has pictures of them. An [observer](observe) is given an event for each step of a
//!    task, a timer or a source, and for each park that asks the kernel or lets time pass. The core records each
//!    event by a call, which is a branch if nothing observes the loop; pictures and traces are derived from the
//!    events.
//!
//! # Reading order
//!
//! The story, an hour or two: `turn.rs`, `wake/ready.rs`, `wake/waiter.rs`, `task/table.rs`,
//! `task/cell.rs`, `state.rs`, `park.rs`, `wake/waker.rs`.
//!
//! Skip what concerns observers: `log`, `record`, `notify`, `resume_panic`, `cause`, an `Origin`. Skip the
//! virtual clock: `open_poller`, `begin_wait`, `end_wait`, `pass_virtual_time`, `deadlock`, `NeedsPoller`. Skip
//! orders other than FIFO: `order` is `None`. And take this on trust, when you meet it:
//!
//! | first met in | name | meaning |
//! |---|---|---|
//! | `turn.rs` | `current::take`, `release` | moves the state out of a thread-local, for the turn; puts it back |
//! | | `while_free` | puts the state back, runs a closure, which may be user code, and takes the state again |
//! | | `Ending` | how a task has ended |
//! | | `budget` | counts the ready operations of a poll. `refill` begins the count, `end` ends it |
//! | | `pops_per_park` | 61, or 0 if a park is due in any case |
//! | | `waker`, `wake_quietly` | makes the waker of a number; wakes a waiter, and lets no panic out |
//! | | `drop_quietly` | drops what may be the user's, and lets no panic out |
//! | | `deferred_wakes` | foreign wakers, tasks of other loops, and all that is woken after the first of them: the turn wakes them while the state is free |
//! | | `clock.elapsed` | the time since the loop was made, as a `Duration` |
//! | | `inbox.drain` | marks the loop as awake, takes the messages, and then clears the flags of their slots |
//! | | `state.receive` | does what a message asks for, and returns a `UserCode`: a closure to call, something to drop, or nothing |
//! | `wake/waiter.rs` | `Quiet` | a value that is dropped quietly when it drops |
//! | `task/table.rs` | `Member` | which member of which group a task is |
//! | `task/cell.rs` | `catch_drop` | drops something, and returns the panic, if there is one, as a `Payload` |
//! | `state.rs` | `finish_member` | counts a member of a group as done. Returns the group's waiter, if it is to be woken |
//! | | `reactor.set_ready` | marks as ready the sides that an event names, and gives their waiters to a closure |
//! | | `clock.tick`, `pop_due` | the time in ticks (microseconds); takes the waiter of a timer that is due out of the wheel |
//! | `park.rs` | `clock.until` | how long to sleep until a tick: 0 if it has come, else mostly a millisecond at least |
//! | | `inbox.fall_asleep` | marks the loop as asleep, unless there is a message |
//! | | `inbox.outlook(slots)` | what may still come: a message (it is there, or a flag is set), something from a `LoopHandle` (one exists), or nothing |
//! | `wake/waker.rs` | `current::wake` | wakes the task with that number: at once if its loop is on this thread, and its state free; else through the inbox |
//!
//! The eight files, and what to look for:
//!
//! | file | what to look for |
//! |---|---|
//! | `turn.rs` | `run_until`: the three steps. Which four things may come out of the queue? Where may user code run? |
//! | `wake/ready.rs` | why a batch that is frozen costs nothing but a position |
//! | `wake/waiter.rs` | what waits is a number or a foreign waker: there is no third |
//! | `task/table.rs` | what a slot may be, and when it is free again |
//! | `task/cell.rs` | how a place that held a future comes to hold its output, and where a panic is caught |
//! | `state.rs` | the list of what a loop owns; then what spawns, wakes and finishes a task |
//! | `park.rs` | the rule of 61, and when a loop may sleep |
//! | `wake/waker.rs` | the loop's only `unsafe` block, and why a pointer that is never followed is safe |
//!
//! Then the files that the story only calls, one path at a time. (What belongs to a loop gets its state, when it
//! is polled, by `current::on_own_loop`, which returns `None` if the loop is gone, and panics if the loop lives
//! but cannot be used here.)
//!
//! | file | what to look for |
//! |---|---|
//! | `task/join.rs`: `JoinHandle::poll`, then `impl Tasks`; `abort` in `task/abort_handle.rs` | a short *leaf*, which is a future that has no other inside. It shows how the contract is kept: it is pending, and has left its task's number |
//! | `current.rs`, as far as `deliver` | what it takes to move the state out; from a waker to the state |
//! | `task/spawn.rs`: `try_spawn` | a box, a state that is found by its number, a slot, a handle. A loop that refuses gives the box back |
//! | `net/source.rs` (`Source::poll`), `net/readiness.rs`, `net/reactor.rs` | a read that has to wait, and the event that ends the wait |
//! | `wake/inbox.rs`, `wake/flags.rs`, `messages.rs` | why no wake is lost; many wakes of a slot, one message; what a loop does when it is asked |
//! | `task/group_table.rs`, `combine/group.rs`, with `Gather::poll` | how a `gather` is woken once, for any number of children |
//! | `time/wheel.rs`, its head | why not a heap |
//!
//! The others, in any order:
//!
//! - `wake/loop_handle.rs`: what another thread holds of a loop.
//! - `task/id.rs`, the rest of `task/spawn.rs` and `task/join.rs`, `task/abort_handle.rs`: the numbers; a task's
//!   handles. `task/budget.rs`: when a task yields. `task/quiet.rs`: a drop that lets no panic out. `shrink.rs`:
//!   when a table gives memory back.
//! - `time/sleep.rs`, `time/clock.rs`, the rest of `time/wheel.rs`: a deadline, in O(1). `time/timeout.rs`,
//!   `time/interval.rs`: on a sleep. `time/virtual_time.rs`: a clock that jumps.
//! - `net/`: the poller that parks, sockets, look-ups, a server. `combine/`: several tasks, and one that waits.
//! - `event_loop.rs`, `lifecycle.rs`: the ways to run a loop, how it begins and ends. `turn/report.rs`: what a
//!   turn has done.
//! - `executor/`: blocking work. `wake/order.rs`, `wake/draw.rs`, `explore.rs`: other orders than FIFO.
//!   `recording.rs`, `observe/`: what a loop does, as events. `hyper.rs`: what hyper asks of its runtime.
//!   `signal.rs`: Ctrl-C.
//!
//! To watch it instead: `cargo run --example step`; or [`trace`], which draws the schedule of any
//! program: `BOUCLE_TRACE=timeline cargo run --example sleep`.
//!
//! # Eleven paths through the loop
//!
//! **A spawn, to the first poll.** `spawn` (`task/spawn.rs`) boxes the future in a cell (`task/cell.rs`) and
//! takes the running loop's state (by `current::find`, whose guard puts it back). `State::spawn` gives the
//! task a slot and an id in the table (`task/table.rs`) and pushes its number into the ready queue
//! (`wake/ready.rs`). The handle that `spawn` returns is three numbers: the loop's, the slot and the id. The
//! turn under way has frozen its batch, so the next turn pops the number, takes the box out of its slot,
//! releases the state, and polls with a waker that is the number (`turn.rs`).
//!
//! A loop that is ending refuses the box: `spawn` drops it, and the handle gives "cancelled". `spawn` panics
//! where no loop runs, or if the loop is full. (`LoopHandle::spawn` leaves a message instead.)
//!
//! **An await of a handle.** `JoinHandle::poll` takes the output if the task is done. Else it leaves a waiter in
//! that task's entry, as its *joiner*: usually the number of the task that awaits the handle (`task/join.rs`).
//! When the task is done, `State::finish` wakes the joiner (`state.rs`; at the end of the loop, `lifecycle.rs`
//! does), whose next poll takes the output out of the box.
//!
//! Dropping a handle detaches the task, which goes on.
//!
//! A handle, a `gather` (once its children are spawned) and an operation of a socket ask whether any budget is
//! left before they look or try; a sleep asks when it is over. What finds none wakes its own task, and is
//! pending (`task/budget.rs`).
//!
//! **A readable socket, to the poll.** A socket is non-blocking, and registered when it is made. Each of its two
//! sides, read and write, is *ready* or not: ready means that an operation may succeed.
//!
//! 1. A read whose side is ready asks the kernel, while the state is in use. If that would block, the side is
//!    not ready any more.
//! 2. If the side is not ready now, the same poll leaves the task's number with the side, and is pending
//!    (`Source::poll` in `net/source.rs`, `net/readiness.rs`).
//! 3. A park returns an *event*, whose token is the source's slot: the edges of one side, or of both.
//!    `State::wake_sources` marks these sides as ready, takes all waiters of each that was not ready before, and
//!    pushes their numbers.
//! 4. In the next batch each of these tasks is polled, and reads if the side is still ready.
//!
//! A *short* read of a stream returns some bytes, but fewer than were asked for: it has emptied the stream. So
//! the side stops being ready at once, without the call that would find nothing. If the first of several tasks
//! makes a short read, the others leave their numbers again, without a system call; otherwise the next one asks
//! the kernel too. A short write has filled the kernel's buffer, and ends the readiness of its side likewise.
//!
//! The registration is *edge-triggered*: the kernel reports that something has come, and does not report it
//! again. So the loop has to remember it, with the side. (A level-triggered kernel would report a readable
//! socket at every park until it is read. So a loop either reads at once, into a buffer of its own, as asyncio's
//! transports do, or registers the socket for each wait, as its `sock_recv` does: two system calls.)
//!
//! No edge is lost:
//!
//! - Only `State::wake_sources` marks sides by edges: at the beginning of the third step, where it runs no user
//!   code. An operation is tried in a poll, and if it would block, the same poll leaves the number. So no edge
//!   is marked after the operation has found nothing and before the number is left. An edge that comes
//!   meanwhile waits in the kernel, and a later park returns it.
//! - A new read side is not ready, and registering the socket makes the kernel report what is there already.
//! - After a short read new bytes will be an edge, and after a short write new room.
//! - No event reaches the wrong source: all events of a park are handled before a slot can be freed and given to
//!   another.
//!
//! There are exceptions. A foreign waker is cloned between the system call and the leaving of the waiter: that
//! is user code, which may even make a turn if no loop runs. So a waiter is left only if the side is still not
//! ready; otherwise the task is woken at once (`Readiness::wait`). The others stand where they are handled:
//! which short reads leave the side ready, when too many waiters are woken, and a call that a signal has
//! interrupted (`net/readiness.rs`); which sides begin ready or are watched later (`net/source.rs`); a `close`,
//! or a `shutdown` of the read side, that wakes without an edge (`net/stream.rs`, `net/tcp.rs`); an
//! [`AsyncFd`](net::AsyncFd), whose operation runs while the state is free (`net/async_fd.rs`).
//!
//! **A wake on the loop's own thread.** `Waker::wake` calls `current::wake` (`current.rs`), which takes the
//! state of the running loop. If the task in the slot has the number's identity (the loop's short id is in it),
//! and is neither queued, aborted nor done, the number is pushed. If the number is of another loop of this
//! thread, the same is done there. If its loop is not on this thread, or its state is in use, the wake goes into
//! that loop's inbox.
//!
//! **A stale waker.** A waker points to nothing, so it may outlive its task. On the loop's own thread a wake
//! compares the number's identity with that of the task in the slot: if they differ, or the task is aborted or
//! done, nothing happens. Through the inbox a wake has only the slot: it wakes whatever task has the slot when
//! the loop handles the message. The worst is that another task is polled in vain, which every future must bear:
//! `Future::poll` may be called without a wake. (A dropped read leaves its number with the side: the next edge
//! wakes its task in vain.)
//!
//! Numbers repeat in the end, and do no more harm: a later loop may have the short id (through its inbox that
//! alone is enough), and a later task of the slot the generation. Then a stale waker wakes in vain, and a stale
//! number in the queue causes an early poll (`task/id.rs`, `wake/ready.rs`). If no loop has the short id, or its
//! loop is ending, the inbox is closed, and drops the wake.
//!
//! **`gather`.** The call boxes the children. The first poll makes a group, and spawns them as its members. A
//! group is an entry in a table of the loop: a counter of those that are not done, a list of those that have
//! panicked, and the *parent*, the waiter that the `gather` leaves there when it has to wait
//! (`task/group_table.rs`, `combine/group.rs`).
//!
//! 1. Each poll of the `gather`, the first too, looks at the group, if budget is left (`Group::poll_until`). If
//!    a member has panicked, it resumes that panic. If all are done, the handles take the outputs out of the
//!    tasks' slots, in the order of the children. Else it leaves its waiter as the parent, and is pending.
//! 2. When a member is done, `State::finish` counts down, in O(1) (`Groups::finish_member`). It wakes the parent
//!    once, for any number of children: when the last one is done, or one panics.
//! 3. The `gather` has a `Child` for each: a `JoinHandle` that aborts its task when it drops. They drop when the
//!    `gather` ends or is dropped. A child that is not done is aborted then, and leaves the group, so that its
//!    end counts nothing down. The group is freed after them, so no task is a member of a group that is gone.
//!
//! **An abort.** `JoinHandle::abort` marks the task, and drops nothing. So no destructor runs inside `abort`,
//! where the caller may be in the middle of something, or be the task itself.
//!
//! 1. A task that waits is queued, for the next batch. One that is queued keeps its place, in this batch or the
//!    next.
//! 2. When its number is popped, the turn drops the future instead of polling it, and wakes what awaits the
//!    handle, which gives "cancelled" (or the panic, if the destructor panics).
//! 3. But of a task that is being polled, the future is dropped when the poll ends, whether the task is queued
//!    or not; or the value that the poll has returned. A panic of that poll stays its output.
//!
//! The request is a `Message` (`wake/inbox.rs`); `State::receive` carries it out (`messages.rs`), by
//! `Tasks::abort`. If `current::deliver` finds the state on this thread, that happens at once. If not (a handle
//! is `Send`), the message goes into the inbox, or nowhere if the loop is gone. A loop that does not run drops
//! nothing: a marked task stays until the next turn, or the loop's end.
//!
//! So a future may end before its first poll, or at any await that is pending. What it has taken and not passed
//! on, such as half a message, is lost with it. Where an operation can lose something, its documentation says
//! so; `explore::cancel` drops a future after each of its pending polls, for a test.
//!
//! **A wake from another thread.** Such a wake does not touch the table. It leaves a message:
//!
//! 1. The thread sets the slot's flag, by one atomic step that returns whether it was set before (`inbox::wake`;
//!    `wake/flags.rs`). If it was, there is nothing more to do: the thread that set it first leaves the message.
//! 2. Otherwise the thread pushes a message into the loop's inbox, under a lock. If the loop is marked as
//!    asleep, it clears the mark; and then, unlocked, it rings the loop, by a bell that the inbox keeps
//!    (`wake/inbox.rs`).
//! 3. In the third step of its turn the loop takes the whole list, and only then clears the flags of its slots
//!    (`Inbox::drain`).
//! 4. Then it handles the messages: `State::receive` queues the task that has the slot by then.
//!
//! So one message serves all wakes of a slot until its flag is cleared. It names only the slot, since the wakes
//! may be meant for several tasks that had the slot one after another.
//!
//! No wake is lost in a sleep, because the loop marks itself as asleep under the same lock, and only if the
//! inbox is empty:
//!
//! ```text
//!   loop                                   another thread
//!   lock: inbox empty? → asleep = true     set the flag; was it set? done
//!   park                                   lock: push the message; asleep? → asleep = false
//!   lock: asleep = false; take the list    was it asleep? ring
//!   unlocked: clear the flags of the list
//!   handle the list
//! ```
//!
//! Either the loop sees the message, or the thread sees the mark, and rings. A ring before the system call stays
//! pending in the kernel, as bytes for a socket do, and the call returns at once. The first sender clears the
//! mark, so a loop that sleeps is rung once, however many come.
//!
//! No wake is lost by a flag. A wake before the flag is cleared is served by the message of that flag, which is
//! handled after the clearing. A later wake leaves a new message. Why not clear first, and then take the list? A
//! wake in between would set its flag again and push its message, which would be taken with the list. The flag
//! would stay set, and no later wake of that slot would leave a message. (Each wake sets the flag with
//! `Release`, even if it is set already, and the loop clears it with `Acquire`: so the poll sees what the thread
//! wrote before its wake.)
//!
//! One turn handles up to 1,024 messages, all of one list; the rest waits for later turns, and a turn that finds
//! none left takes the next list. While a loop is not run, its messages wait for the next park of a later run.
//!
//! **A sleep.** The first poll arms a timer with the task's number, unless the deadline has come
//! (`time/sleep.rs`). An idle loop parks until about the first deadline (`park.rs`), unless something else comes
//! first. `State::wake_timers` pops what is due and pushes the numbers. The next poll of the sleep finds that
//! its timer has fired, and is ready. A sleep that is dropped takes its timer out. The wait for a sleep may be
//! longer by up to a millisecond, so that sleeps which end close together share one park ([`sleep`] has the
//! exceptions).
//!
//! **A job.** [`run_in_executor`] gives a closure to a thread of the pool. When it has run, that thread leaves
//! its value for the future, and wakes the task: the rest is a wake from another thread. A signal comes the same
//! way, mostly from a thread that waits for signals (`signal.rs`).
//!
//! **The end of a loop.** It comes when the `EventLoop` is dropped, at the end of [`run`] too (`lifecycle.rs`).
//! The tasks are dropped in spawn order, and what awaits each is woken, while the loop is the running one. So a
//! destructor may spawn, wake and abort; what it spawns is dropped at once. No task is polled again, not even to
//! learn of the end (a coroutine of asyncio does): what needs an `await` must be done before. Then the inbox is
//! closed, and the messages in it are dropped. Every waiter that is left (a foreign waker, or a task of another
//! loop whose waker was passed to a future of this one) is woken. What is polled after the end finds the loop
//! gone: a handle gives "cancelled", a socket an error. Then jobs that have begun are waited for.
//!
//! # If you know asyncio's source, or tokio's
//!
//! | boucle | asyncio | tokio, `current_thread` |
//! |---|---|---|
//! | `run_until`, in `turn.rs` | `run_forever`, `_run_once` | `CoreGuard::block_on` |
//! | the ready queue, `wake/ready.rs` | `_ready`, a deque of `Handle`s | `Core::tasks`, a deque of `Notified` |
//! | a frozen batch | `ntodo`, in `_run_once` | none |
//! | a number in it | a `Handle`: a function and its arguments | a `Notified`: a counted reference |
//! | `poll`, in `turn.rs` | `Task.__step`, for `send` | `Harness::poll` |
//! | a waker that is a number | `Task.__wakeup`, a callback of the `Future` | a waker that points to the task's `Header` |
//! | a leaf keeps the waker of its poll | a leaf yields its `Future` up to `__step`, which adds a callback | as here |
//! | a wake on the loop's thread | `call_soon` | `Handle::schedule`, into `Core::tasks` |
//! | the table of tasks, `task/table.rs` | `_scheduled_tasks`, a `WeakSet` (in 3.12 and 3.13) | `OwnedTasks`, linked lists |
//! | the wheel, and a sleep's key in it | `_scheduled`, a heap of `TimerHandle`s | the time `Driver`'s wheel, a `TimerEntry` |
//! | the park, `net/poller.rs` | `_selector.select` | `Core::driver`, `Driver::park` |
//! | a source, its readiness, its waiters | a selector's key, with two `Handle`s | `ScheduledIo`, `Registration` |
//! | the inbox, and its ring | `call_soon_threadsafe`, `_write_to_self` | the inject queue, `driver::Handle::unpark` |
//! | the running loop, `current.rs` | `_running_loop` | `CONTEXT`, `Handle::current` |
//! | its state, taken out of a thread-local for the turn | `self`: Python's objects may be used anywhere | the `Core`, in a `RefCell<Option<_>>`: `Context::enter` |
//! | the main future, queued like a task | a `Task`, from `run_until_complete` | polled apart from the queue, when it was woken |
//! | a `JoinHandle`, which asks the table | the `Task` itself, its result and callbacks | the `Header`, and a waker in its `Trailer` |
//! | the budget: 128 ready operations a poll, one after another | none | `coop::Budget`: 128 too |
//! | a park after 61 polls, or one batch, whichever is more | a `select` in every `_run_once` | `event_interval`: 61, also in the middle of the queue |
//! | an abort: a mark, then a drop | `Task.cancel`, after which the coroutine's next step throws | `JoinHandle::abort`, a bit in the `Header`'s state |
//! | the end of a loop, `lifecycle.rs` | `_cancel_all_tasks` | `shutdown2`, `close_and_shutdown_all` |
//!
//! # Invariants
//!
//! - Tasks and main futures are polled in one place (`poll` in `turn.rs`); the loop sleeps in one place
//!   (`net/poller.rs`), except while the end of a loop waits for jobs; the clock is read in one file
//!   (`time/clock.rs`).
//! - No user code but an allocator's hook runs while the loop's state is in use or a lock is held. User code is,
//!   above all: poll; the drop of a future, an output or a panic's payload; clone, wake and drop of a foreign
//!   waker; the drop of what waits in the inbox; the operation of an `AsyncFd`; an observer; a logger; the panic
//!   hook. A value that may run such code leaves the state first. Then it is woken or dropped; its panic is
//!   caught.
//! - Nothing panics while the state is in use, but for debug assertions and an allocator's hook (see the
//!   limits): a look-up by a number from outside returns a harmless value if nothing is there. (An index that a
//!   table has made itself is trusted.)
//! - A wake is never lost. It may come from any thread at any time (but not from a signal handler), after the
//!   loop is gone and during the destruction of thread-locals (but for what `current.rs` says of three systems);
//!   it never panics and never waits for user code. The poll that follows sees what the waking thread wrote
//!   before the wake.
//! - FIFO, unless the loop has an order (`wake/order.rs`): tasks are polled in the order in which they came into
//!   the ready queue. Timers fire in the order (deadline in microseconds, arming), never early.
//! - Fairness: a batch is frozen; within one `block_on` or `run_forever`, sockets, inbox and timers are
//!   looked at after at most 61 polls or one batch, whichever is more; one turn handles at most 1,024
//!   events and 1,024 messages of the inbox (but all timers that are due); a task that awaits ready
//!   operations of this crate one after another yields after 128, unless an executor inside its poll polls it
//!   again at once.
//! - A panic in a task ends that task alone and reaches its [`JoinHandle`]. A panic of the main
//!   future comes out of [`run`], after the loop is cleaned up.
//! - When [`run`] ends, the main future is dropped first, then what was spawned, in spawn order (but the output
//!   of a task that is done drops with its handle, if that is dropped earlier), while the loop is the running
//!   one, on its thread, each destructor once; and executor jobs that have begun are waited for (of an
//!   [`EventLoop`] that is dropped, up to the bound of [`Builder::shutdown_timeout`]).
//! - No safe program reaches freed memory, whatever the order in which thread-locals, loops and
//!   processes end. An idle loop gives back the memory of a burst, within the limits below.
//! - Imports between files have no cycle, and only `event_loop.rs` and `explore` import `trace`, but for tests
//!   and for links of this documentation.
//! - The loop has one block of `unsafe`, in `wake/waker.rs`. The feature `hyper` has another, which receives
//!   into a buffer that is not initialized. Each stands with the reason why it is sound.
//!
//! CONTRIBUTING.md, in the repository, says where something new goes, and which tests to run after a change of
//! which file; `tests/model` is this loop once more, as a simple program.
//!
//! # Limits
//!
//! - A loop belongs to one thread. For several cores, run several loops: one thread hands the connections over
//!   (`examples/cores`), or each loop has a listener for the same port ([`TcpListener`](net::TcpListener)).
//! - Locks, channels, buffered readers, files, HTTP, TLS, WebSockets and databases are other crates', and run on
//!   boucle unchanged: [`ecosystem`] says how.
//! - `fork` while a loop lives is not supported (the child shares its epoll), nor a wake from a signal handler
//!   (the inbox takes a lock).
//! - A `log` logger may use the loop. But where mio uses `poll` or event ports, it also logs during a park: a
//!   wake by the logger, on the loop's own thread, may not end that park, and the logger must not panic; with
//!   `poll` it must not make or drop a socket of the loop, since mio holds a lock.
//! - A global allocator may have a hook that wakes, aborts, drops, and stops or spawns by a `LoopHandle`; a call
//!   from the hook that needs the state of the loop that is allocating, such as `spawn`, panics. The hook must
//!   drop neither an executor job nor an observed loop, since memory is allocated under their locks.
//!   (`BOUCLE_TRACE`, `BOUCLE_DUMP` and `BOUCLE_SLOW_POLL` make every loop an observed one.)
//! - In a loop that is never idle, the wakers of dropped futures may pile up on a side of a socket until its
//!   next event: up to about half of all that polled it (`net/readiness.rs`).
//! - A table can shrink only to its last used slot, and what is new takes the slot that was freed last. So one
//!   task in a high slot keeps the memory of a whole burst. The flags of wakes from other threads, a bit a slot,
//!   are kept until the process ends; each idle park of a virtual clock scans those of the table.
//!
//! # Features
//!
//! `blocking` (default) brings [`run_in_executor`] and name look-ups; `signal` (default) brings
//! `signal`, on Unix; `trace` (default) brings `BOUCLE_TRACE`, `BOUCLE_DUMP`, `BOUCLE_SLOW_POLL` and
//! `BOUCLE_SHUFFLE`, the page and the JSON of a recorded run. `hyper` and `hyper-util` bring the module
//! `hyper`: HTTP servers and clients without adapters.

// docs.rs says which feature or system an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Rustdoc cannot link what a feature or a system leaves out: such names stay plain text.
#![cfg_attr(not(all(unix, feature = "blocking", feature = "trace")), allow(rustdoc::broken_intra_doc_links))]

mod turn; // one turn of the loop
mod event_loop; // `EventLoop`, `run`, `stop`: the ways to run it
mod state; // what a loop owns, and what its turn does with it
mod park; // when a park is due, and how long it may last
mod messages; // what a loop does when it is asked
mod recording; // what it records for observers
mod current; // the loops of this thread: from a number to a state
mod lifecycle; // how a loop begins, and how it ends
mod task {
    pub(crate) mod id; // the numbers of loops and tasks
    pub(crate) mod cell; // one allocation: the future, then its output
    pub(crate) mod table; // the table of tasks
    pub(crate) mod quiet; // dropping what may be the user's
    pub(crate) mod group_table; // which members of a group are done
    pub(crate) mod spawn; // `spawn`
    pub(crate) mod join; // `JoinHandle` and `JoinError`
    pub(crate) mod abort_handle; // `AbortHandle`
    pub(crate) mod budget; // `yield_now`, and ready operations per poll
}
mod wake {
    pub(crate) mod waiter; // what waits: a task or a foreign waker
    pub(crate) mod waker; // a waker is a number
    pub(crate) mod ready; // the ready queue
    pub(crate) mod inbox; // what other threads leave for the loop
    pub(crate) mod order; // another order than FIFO
    mod draw; // the batches of such an order
    mod flags; // the slots that have a wake in the inbox
    pub(crate) mod loop_handle; // `LoopHandle`
}
mod time {
    pub(crate) mod wheel; // the timer wheel, pure
    pub(crate) mod clock; // real or virtual: the one file that reads the time
    pub(crate) mod virtual_time; // what an idle loop does under a virtual clock
    pub(crate) mod sleep; // `sleep`, `sleep_until`, `now`
    pub(crate) mod timeout; // `timeout`
    pub(crate) mod interval; // `interval`
}
pub mod net {
    //! Sockets over mio: TCP, UDP, Unix; the readiness of any descriptor; and the reactor under them.
    //! A server is a call of [`serve()`].
    //!
    //! The streams read and write by the `futures-io` traits, so what is built on those (`async-tungstenite`,
    //! `futures-rustls`, the readers of `futures-lite`) runs on boucle unchanged; and, with the feature
    //! `hyper`, by hyper's.
    //!
    //! ```
    //! use boucle::net::{TcpListener, TcpStream};
    //! use futures_lite::{AsyncReadExt, AsyncWriteExt, io};
    //!
    //! # boucle::run(async {
    //! let listener = TcpListener::bind("127.0.0.1:0").await?;
    //! let address = listener.local_addr()?;
    //! drop(boucle::spawn(async move {
    //!     let (stream, _) = listener.accept().await?;
    //!     io::copy(&stream, &stream).await // an echo
    //! }));
    //! let mut stream = TcpStream::connect(address).await?;
    //! stream.write_all(b"hello").await?;
    //! let mut echo = [0; 5];
    //! stream.read_exact(&mut echo).await?;
    //! assert_eq!(&echo, b"hello");
    //! # std::io::Result::Ok(())
    //! # }).unwrap();
    //! ```

    pub(crate) mod poller; // asks the kernel, and parks the thread
    pub(crate) mod readiness; // one side of a source: ready or not, and what waits for it
    pub(crate) mod reactor; // from events to the tasks that wait for them
    mod source; // a socket that belongs to a loop
    mod failure; // an error that says what has failed
    mod resolve; // names and addresses
    mod listener; // `accept` of both listeners, and `Listener`
    mod tcp; // `TcpListener`, `TcpStream`
    mod connect; // `TcpStream::connect`: several addresses, one stream
    mod datagram; // `send` and `recv` of every datagram socket
    mod udp; // `UdpSocket`
    #[cfg(unix)]
    mod unix; // `UnixListener`, `UnixStream`, `UnixDatagram`
    mod stream; // `AsyncRead` and `AsyncWrite` of every stream
    #[cfg(unix)]
    mod async_fd; // `AsyncFd`: any other descriptor
    mod serve; // `serve`: a task for each connection

    #[cfg(unix)]
    pub use async_fd::AsyncFd;
    pub use listener::Listener;
    pub use resolve::ToSocketAddrs;
    pub use serve::{Serve, ServeError, serve};
    pub use tcp::{TcpListener, TcpStream};
    pub use udp::UdpSocket;
    #[cfg(unix)]
    pub use unix::{UnixDatagram, UnixListener, UnixStream};
}
mod combine {
    pub(crate) mod group; // a group as its parent holds it
    pub(crate) mod gather; // `gather`, `gather!`, `try_gather`, `as_completed`
    pub(crate) mod wait; // `wait` and its modes
    pub(crate) mod task_group; // `TaskGroup`
}
mod executor {
    #[cfg(feature = "blocking")]
    pub(crate) mod pool; // the threads, and the work that waits for one
    #[cfg(feature = "blocking")]
    pub(crate) mod run_in_executor; // `run_in_executor`
    #[cfg(feature = "blocking")]
    pub(crate) use run_in_executor::{end_jobs, start};

    /// Without the feature `blocking` a loop has no jobs.
    #[cfg(not(feature = "blocking"))]
    pub(crate) fn end_jobs(_: crate::task::id::LoopNumber, _: Option<std::time::Duration>) {}
}
#[cfg(all(unix, feature = "signal"))]
pub mod signal; // Ctrl-C, and other signals of the process
#[cfg(feature = "hyper")]
pub mod hyper; // what hyper asks of its runtime
pub mod explore; // every schedule a program can have
mod shrink; // giving a table's memory back
pub mod observe; // what a loop does, as events
pub mod trace; // what a recorded run looks like
pub mod coming_from; // documentation: what asyncio and tokio call it
pub mod ecosystem; // documentation: using it with other crates

pub use combine::gather::{
    __gather, __unspawned, AsCompleted, Gather, TryGather, Tuple, as_completed, gather, try_gather,
};
pub use combine::task_group::TaskGroup;
pub use combine::wait::{
    ALL_COMPLETED, AllCompleted, FIRST_COMPLETED, FIRST_EXCEPTION, FirstCompleted, FirstException, Mode,
    Wait, wait,
};
pub use event_loop::{Builder, EventLoop, run, stop};
#[cfg(feature = "blocking")]
pub use executor::run_in_executor::{RunInExecutor, run_in_executor};
pub use explore::explore;
pub use observe::dump::{Dump, DumpError, dump};
pub use task::abort_handle::AbortHandle;
pub use task::budget::{YieldNow, consume_budget, yield_now};
pub use task::join::{JoinError, JoinHandle};
pub use task::spawn::{spawn, spawn_named};
pub use time::interval::{Interval, MissedTickBehavior, interval};
pub use time::sleep::{Sleep, now, sleep, sleep_until};
pub use time::timeout::{Elapsed, Timeout, timeout};
pub use turn::Turn;
pub use wake::loop_handle::{ClockHold, LoopGone, LoopHandle};

/// The README's code is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
