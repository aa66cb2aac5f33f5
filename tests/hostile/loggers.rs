//! Loggers: mio logs when a socket is registered, and a logger may do anything.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use boucle::net::TcpListener;
use boucle::{EventLoop, run, spawn, yield_now};

thread_local! {
    /// What the logger calls on this thread.
    static ON_LOG: Cell<Option<fn()>> = const { Cell::new(None) };

    /// A loop for the logger to drop.
    static DOOMED: Cell<Option<EventLoop>> = const { Cell::new(None) };
}

/// mio writes to the `log` crate when a socket is registered, and a logger may do anything.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        if let Some(on_log) = ON_LOG.get() {
            on_log();
        }
    }

    fn flush(&self) {}
}

/// Sends every logged message of this process to `ON_LOG`.
fn hear_logs() {
    let _ = log::set_logger(&Logger);
    log::set_max_level(log::LevelFilter::Trace);
}

/// A logger may use the loop while the loop registers a socket or deregisters it.
#[test]
fn a_logger_may_use_the_loop() {
    hear_logs();
    thread_local!(static LOGGED: Cell<u32> = const { Cell::new(0) });
    boucle::run(async {
        ON_LOG.set(Some(|| {
            drop(boucle::spawn(async { LOGGED.set(LOGGED.get() + 1) }));
            let _ = boucle::now();
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = listener.into_std().unwrap();
        ON_LOG.set(None);
        drop(listener);
        yield_now().await;
    });
    assert_eq!(LOGGED.get(), 2, "mio no longer logs");
}

/// A logger may drop the loop, which is not running, while a socket is deregistered from it.
#[test]
fn a_logger_may_drop_the_loop() {
    hear_logs();
    let event_loop = EventLoop::new().unwrap();
    let listener = event_loop.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    DOOMED.set(Some(event_loop));
    ON_LOG.set(Some(|| drop(DOOMED.take())));
    let listener = listener.into_std().unwrap();
    ON_LOG.set(None);
    assert!(DOOMED.take().is_none(), "mio no longer logs");
    assert_eq!(listener.local_addr().unwrap(), address);
}

/// A logger may turn the loop, which is not running, while a socket is deregistered from it or dropped:
/// that is a turn like any other.
#[test]
fn a_logger_may_turn_the_loop() {
    thread_local! {
        static LOOP: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
        static POLLED: Cell<usize> = const { Cell::new(0) };
    }
    hear_logs();
    let event_loop = Rc::new(EventLoop::new().unwrap());
    drop(event_loop.spawn(async {
        loop {
            yield_now().await;
        }
    }));
    for dropped in [false, true] {
        let listener = event_loop.block_on(TcpListener::bind("127.0.0.1:0"));
        LOOP.set(Some(event_loop.clone()));
        POLLED.set(0);
        ON_LOG.set(Some(|| {
            // Once: that turn may be logged too.
            if let Some(event_loop) = LOOP.take() {
                let turn = event_loop.turn(Some(Duration::ZERO)).unwrap();
                POLLED.set(turn.polled);
            }
        }));
        let back = if dropped {
            drop(listener);
            None
        } else {
            listener.unwrap().into_std().ok()
        };
        ON_LOG.set(None);
        assert_eq!((POLLED.get(), back.is_none()), (1, dropped));
    }
}

/// A logger may panic while a socket is dropped, even if a task that panics drops the socket.
#[test]
fn a_logger_may_panic_while_a_socket_is_dropped() {
    hear_logs();
    run(async {
        let panics = spawn(async {
            let _listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ON_LOG.set(Some(|| panic!("a logger")));
            panic!("first");
        });
        let error = panics.await.unwrap_err();
        ON_LOG.set(None);
        assert!(error.to_string().ends_with("first"), "{error}");
    });
}
