//! Jobs where the system refuses threads. Each test runs in a process of its own and sets the limit on the
//! threads of its user. The limit does not hold for the super-user, who therefore becomes another user.

use std::future::Future;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;
use std::{io, thread};

use boucle::net::{TcpListener, TcpStream};
use boucle::{RunInExecutor, gather, now, run_in_executor, sleep, spawn, yield_now};
use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};

use super::threads::passes_with_all_threads;
use crate::common::{HOUR, is_child, message, virtually};

/// Runs a test in a process of its own, as a user whose threads can be limited.
fn passes_under_limit(test: &str) -> bool {
    // By this name, since the other user may have no right to read the path.
    let mut command = Command::new("/proc/self/exe");
    if getuid().is_root() {
        // Most probably a user with no other process.
        let user = 20_000 + std::process::id() % 40_000;
        command.uid(user).gid(user);
    }
    passes_with_all_threads(command, test)
}

/// Bounds the threads of the user.
fn allow_threads(current: Option<u64>) {
    let maximum = getrlimit(Resource::Nproc).maximum;
    setrlimit(Resource::Nproc, Rlimit { current, maximum }).unwrap();
}

/// Makes the system refuse new threads, or allow them again.
fn refuse_threads(refuse: bool) {
    allow_threads(if refuse { Some(1) } else { getrlimit(Resource::Nproc).maximum });
    let thread = thread::Builder::new().spawn(|| ());
    assert_eq!(thread.is_err(), refuse);
}

/// Where no thread can be started, a job and a name look-up fail at once, and the loop goes on. Once
/// threads can be started again, both work.
#[test]
fn without_a_thread_what_needs_one_fails_at_once() {
    if passes_under_limit("refused::without_a_thread_what_needs_one_fails_at_once") {
        return;
    }
    refuse_threads(true);
    // `run` panics too, and a failed job does not hold up a virtual clock.
    let panicked = catch_unwind(|| boucle::run(run_in_executor(|| 7)));
    assert!(message(panicked.unwrap_err()).contains("os error 11"));
    #[cfg(feature = "signal")]
    {
        let refused = boucle::signal::stream(boucle::signal::SignalKind::Hangup).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Other, "{refused}");
        assert!(refused.to_string().starts_with("cannot start a thread: "), "{refused}");
    }
    virtually(async {
        let start = now();
        let mut job = run_in_executor(|| 7);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut job).poll(&mut Context::from_waker(Waker::noop()))
        }));
        assert!(polled.is_err());
        sleep(HOUR).await;
        assert_eq!(now() - start, HOUR);
    });
    boucle::run(async {
        let (dropped, is_dropped) = mpsc::channel::<()>();
        let job = run_in_executor(move || drop(dropped));
        assert!(is_dropped.recv().is_err());
        let error = spawn(job).await.unwrap_err();
        let text = message(error.try_into_panic().unwrap());
        assert!(text.contains("run_in_executor"), "{text}");
        assert!(text.contains("os error 11"), "{text}");

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = TcpStream::connect(("localhost", port)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("localhost"), "{text}");
        assert!(text.contains("os error 11"), "{text}");
        // `WouldBlock` would mean that a socket is not ready.
        assert_ne!(error.kind(), io::ErrorKind::WouldBlock);
        sleep(Duration::from_millis(1)).await;

        refuse_threads(false);
        assert_eq!(run_in_executor(|| 7).await, 7);
        TcpStream::connect(("localhost", port)).await.unwrap();
    });
}

/// Returns two jobs that wait for each other, so that each needs a thread.
fn meeting() -> [RunInExecutor<()>; 2] {
    let ((one, sees_one), (other, sees_other)) = (mpsc::channel(), mpsc::channel());
    [(one, sees_other), (other, sees_one)].map(|(own, sees)| {
        run_in_executor(move || {
            own.send(()).unwrap();
            sees.recv().unwrap();
        })
    })
}

/// With a single thread, jobs begin one after the other, in order. Once threads can be started again, more
/// are, also for jobs that have waited.
#[test]
fn with_one_thread_jobs_wait_their_turn() {
    if passes_under_limit("refused::with_one_thread_jobs_wait_their_turn") {
        return;
    }
    boucle::run(async {
        let (started, has_started) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let first = run_in_executor(move || {
            started.send(()).unwrap();
            may_go.recv().unwrap();
        });
        has_started.recv().unwrap();
        refuse_threads(true);
        let order = Arc::new(Mutex::new(Vec::new()));
        let jobs = (0..100).map(|number| {
            let order = order.clone();
            run_in_executor(move || order.lock().unwrap().push(number))
        });
        let jobs: Vec<_> = jobs.collect();
        sleep(Duration::from_millis(1)).await;
        assert!(order.lock().unwrap().is_empty());
        go.send(()).unwrap();
        first.await;
        gather(jobs).await;
        assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());

        let (hold, held) = mpsc::channel::<()>();
        let holding = run_in_executor(move || held.recv());
        let [one, other] = meeting();
        refuse_threads(false);
        drop(hold);
        assert!(holding.await.is_err());
        gather!(one, other).await;
        let [one, other] = meeting();
        gather!(one, other).await;
    });
}

/// The system refuses the k-th thread of the executor, for each k. A job that finds no thread at all fails at
/// once; any other waits, and begins once a thread is granted. The loop goes on, and every value comes. (For
/// the super-user only: another user's threads cannot be counted.)
#[test]
fn whichever_thread_is_refused_no_job_is_lost() {
    const THREADS: u64 = 512;
    const TEST: &str = "refused::whichever_thread_is_refused_no_job_is_lost";
    if !is_child(TEST) && !getuid().is_root() || passes_under_limit(TEST) {
        return;
    }
    let own = std::fs::read_dir("/proc/self/task").unwrap().count() as u64;
    boucle::run(async {
        let (started, has_started) = mpsc::channel();
        let (hold, released) = async_channel::bounded::<()>(1);
        let job = |number: u64| {
            let (started, released) = (started.clone(), released.clone());
            run_in_executor(move || {
                started.send(number).unwrap();
                assert!(released.recv_blocking().is_err());
                number
            })
        };
        allow_threads(Some(own));
        let error = spawn(job(0)).await.unwrap_err();
        assert!(message(error.try_into_panic().unwrap()).contains("os error 11"));
        let mut jobs = Vec::new();
        let mut refusals = 1;
        for number in 0..THREADS {
            // This job finds all threads taken, and no other can be started, so it waits.
            if number > 0 {
                jobs.push(job(number));
                refusals += 1;
                yield_now().await;
                assert_eq!(has_started.try_recv(), Err(mpsc::TryRecvError::Empty));
            }
            allow_threads(Some(own + number + 1));
            let next = job(number);
            assert_eq!(has_started.recv(), Ok(number));
            // The thread has begun the job that waited. For 0 none waited: it has begun `next`.
            if number == 0 {
                jobs.push(next);
            }
        }
        assert_eq!((refusals, has_started.try_iter().count()), (THREADS, 0));
        drop(hold);
        assert_eq!(gather(jobs).await, (0..THREADS).collect::<Vec<_>>());
    });
}
