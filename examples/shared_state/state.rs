//! What tasks share without a lock, and what they must not do with it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use boucle::{gather, spawn, yield_now};
use stage::println;

/// Ten tasks add to one counter, a hundred times each. Between reading and writing they keep
/// control, so no other task can write: all thousand are counted.
pub(crate) async fn count() -> u32 {
    let counter = Rc::new(Cell::new(0));
    gather((0..10).map(|_| {
        let counter = Rc::clone(&counter);
        async move {
            for _ in 0..100 {
                let read = counter.get();
                counter.set(read + 1);
                yield_now().await;
            }
        }
    }))
    .await;
    counter.get()
}

/// The same with the `await` between reading and writing: all ten have read the same number when the
/// first one writes, and nine of ten additions are lost.
pub(crate) async fn count_badly() -> u32 {
    let counter = Rc::new(Cell::new(0));
    gather((0..10).map(|_| {
        let counter = Rc::clone(&counter);
        async move {
            for _ in 0..100 {
                let read = counter.get();
                yield_now().await;
                counter.set(read + 1);
            }
        }
    }))
    .await;
    counter.get()
}

/// Messages from task to task, in order: a plain queue, and the one reader that waits for it.
#[derive(Default)]
pub(crate) struct Mailbox {
    messages: RefCell<VecDeque<String>>,
    reader: Cell<Option<Waker>>,
}

impl Mailbox {
    pub(crate) fn send(&self, message: String) {
        self.messages.borrow_mut().push_back(message);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    pub(crate) async fn receive(&self) -> String {
        poll_fn(|cx| {
            let message = self.messages.borrow_mut().pop_front();
            match message {
                Some(message) => Poll::Ready(message),
                None => {
                    self.reader.set(Some(cx.waker().clone()));
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Two tasks write to a mailbox, from which the caller reads until both have sent `fin`.
pub(crate) async fn exchange() {
    let mailbox = Rc::new(Mailbox::default());
    for name in ["Daniel", "Donna"] {
        let mailbox = Rc::clone(&mailbox);
        drop(spawn(async move {
            for number in 1..=2 {
                mailbox.send(format!("{name} {number}"));
                yield_now().await;
            }
            mailbox.send(format!("{name} fin"));
        }));
    }
    let mut writing = 2;
    while writing > 0 {
        let message = mailbox.receive().await;
        println!("{message}");
        if message.ends_with("fin") {
            writing -= 1;
        }
    }
}
