//! The five programs from scratch again, on boucle, which does what each could not do.
//!
//! ```sh
//! cargo run --example on_boucle -- 4
//! ```
//!
//! prints, at once, since the clock is virtual,
//!
//! ```text
//! Entrée dans 1
//! Entrée dans 0.5
//! Entrée dans 1.5
//! Sortie de 0.5
//! Sortie de 1
//! Sortie de 1.5
//! [1.0, 0.25, 2.25]
//! 100,000 sleeps are dropped, and 0 deadlines are in the wheel
//! ```
//!
//! Each of the five has its recorded page: `BOUCLE_TRACE=run.html cargo run --example on_boucle -- 4`.
//!
//! Read next: `README.md` beside this file.

#[allow(dead_code)] // the loop
#[path = "2_wake.rs"]
mod wake;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use boucle::observe::{Event, Live, Observer};
use boucle::{EventLoop, gather, sleep, spawn_named, yield_now};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use stage::options::{self, Arg::Value, ValueExt};
use stage::println;
use wake::Parks;

const HELP: &str = "\
Runs one of the five programs from scratch on boucle.

usage: on_boucle N

  N  1 two coroutines   2 a waker   3 tasks   4 timers   5 sockets";

fn main() -> ExitCode {
    let program = options::read(HELP, |arguments| {
        let mut program = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Value(text) if program.is_none() => program = Some(number(&text.string()?)?),
                other => return Err(other.unexpected()),
            }
        }
        program.ok_or_else(|| "which of the five programs? A number from 1 to 5 is missing".into())
    });
    match run(program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("on_boucle: {error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number @ 1..=5) => Ok(number),
        _ => Err(format!("{text:?} is not a number from 1 to 5")),
    }
}

fn run(program: u32) -> io::Result<()> {
    let watch = Watch::default();
    let event_loop = EventLoop::builder().virtual_clock().observe(watch.clone()).build()?;
    match program {
        1 => event_loop.block_on(two_coroutines()),
        2 => event_loop.block_on(a_waker()),
        3 => event_loop.block_on(tasks()),
        4 => {
            event_loop.block_on(sleeps());
            let left = watch.0.borrow().timers.len();
            println!("100,000 sleeps are dropped, and {left} deadlines are in the wheel");
        }
        _ => event_loop.block_on(sockets())?,
    }
    Ok(())
}

async fn mysleep(duration: f64) -> f64 {
    println!("Entrée dans {duration}");
    sleep(Duration::from_secs_f64(duration)).await;
    println!("Sortie de {duration}");
    duration.powi(2)
}

/// Counts the polls of a future.
async fn counted<F: Future>(future: F, polls: Rc<Cell<u64>>) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

async fn two_coroutines() {
    let polls = Rc::new(Cell::new(0));
    println!("{:?}", gather([1.0, 0.5].map(|duration| counted(mysleep(duration), polls.clone()))).await);
    println!("polled {} times: two wait, and two are woken", polls.get());
}

async fn a_waker() {
    println!("{}", mysleep(1.0).await);
    Parks::default().await;
    println!("woken during its poll, and polled again: the wake is not lost");
}

async fn tasks() {
    async fn steps(name: &str, result: u32) -> u32 {
        println!("{name} 1");
        yield_now().await;
        println!("{name} 2");
        result
    }
    println!("main spawns");
    let (a, b) = (spawn_named("a", steps("a", 10)), spawn_named("b", steps("b", 20)));
    println!("main has {} and {}", a.await.unwrap(), b.await.unwrap());

    let step = Rc::new(Cell::new(0));
    let other = step.clone();
    let other = spawn_named("other", async move {
        other.set(1);
        yield_now().await;
        other.set(2);
    });
    panic::set_hook(Box::new(|_| {})); // no message
    let faulty = spawn_named("faulty", async { panic!("a fault in this task alone") });
    other.await.unwrap();
    assert!(faulty.await.unwrap_err().is_panic());
    println!("a panic of one task has ended that task: the other stood at step {} of 2", step.get());
}

async fn sleeps() {
    println!("{:?}", gather([1.0, 0.5, 1.5].map(mysleep)).await);
    for _ in 0..100_000 {
        let mut timeout = sleep(Duration::from_secs(60));
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut timeout).poll(cx))).await;
        assert!(polled.is_pending());
    }
}

/// Asks for a page, and prints its length.
async fn fetch(server: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(b"?").await?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page).await?;
    println!("a page of {} bytes", page.len());
    Ok(())
}

/// Answers after a second.
async fn answer(mut client: TcpStream) -> io::Result<()> {
    client.read_exact(&mut [0]).await?;
    sleep(Duration::from_secs(1)).await;
    client.write_all(&[b'.'; 1_000]).await
}

async fn sockets() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let clients = [(); 2].map(|()| spawn_named("fetch", fetch(address)));
    for _ in &clients {
        let (client, _) = listener.accept().await?;
        drop(spawn_named("answer", answer(client)));
    }
    for client in clients {
        client.await.unwrap()?;
    }

    yield_now().await; // so that the sleeps have a whole poll's budget
    let has_run = Rc::new(Cell::new(false));
    let next = has_run.clone();
    drop(spawn_named("next", async move { next.set(true) }));
    for number in 1..=10_000 {
        sleep(Duration::ZERO).await;
        if has_run.take() {
            println!("the task that was next has had its turn during await {number}");
        }
    }
    Ok(())
}

/// What the loop holds, kept up to date by its events.
#[derive(Clone, Default)]
struct Watch(Rc<RefCell<Live>>);

impl Observer for Watch {
    fn observe(&mut self, event: &Event) {
        self.0.borrow_mut().apply(event);
    }
}
