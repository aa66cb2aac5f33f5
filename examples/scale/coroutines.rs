//! Coroutines in a ring: tasks of one loop, on one thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};

use boucle::EventLoop;

use crate::ring::Ring;

pub(crate) struct Coroutines {
    event_loop: EventLoop,
    token: Rc<Token>,
    number: usize,
}

struct Token {
    holder: Cell<usize>,
    /// The waker of each member that has waited.
    wakers: RefCell<Vec<Option<Waker>>>,
}

/// Waits until it has the token, and hands it on.
async fn member(me: usize, token: Rc<Token>) {
    loop {
        token.come_to(me).await;
        token.hand_to(me + 1);
    }
}

impl Ring for Coroutines {
    fn start(number: usize) -> io::Result<Coroutines> {
        let event_loop = EventLoop::new()?;
        let token =
            Rc::new(Token { holder: Cell::new(number), wakers: RefCell::new(vec![None; number + 1]) });
        for me in 0..number {
            drop(event_loop.spawn(member(me, Rc::clone(&token))));
        }
        Ok(Coroutines { event_loop, token, number })
    }

    fn round(&mut self) -> io::Result<()> {
        self.event_loop.block_on(async {
            self.token.hand_to(0);
            self.token.come_to(self.number).await;
        });
        Ok(())
    }
}

impl Token {
    async fn come_to(&self, me: usize) {
        poll_fn(|cx| {
            if self.holder.get() == me {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut()[me] = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn hand_to(&self, next: usize) {
        self.holder.set(next);
        if let Some(waker) = &self.wakers.borrow()[next] {
            waker.wake_by_ref();
        }
    }
}
