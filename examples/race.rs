//! Two withdrawals from one account. Each looks at the balance, waits for the journal, and then takes the money:
//! the balance may have changed by then. In FIFO order it never does. Exploration tries other orders, one after
//! the other, until one fails, and draws that one.
//!
//! ```sh
//! cargo run --release --example race
//! ```
//!
//! prints that the account is overdrawn, the schedule, FIFO's below it, and a line that runs that schedule
//! alone:
//!
//! ```text
//! as written: schedule 7 fails: panicked at examples/race.rs:...: the account is overdrawn: -60
//!
//! The shortest found leaves FIFO at 2 of 6 choices:
//!   choice 0, turn 2: #3 is next, not #2
//!   choice 1, turn 3: #3 is next, not #2
//!
//! turn         1     2           3 4         5 6         7 8
//! time         0
//! #1 main  run>[1]~#2~~~~~~~~~~~~~~~~~~~~~~~~~~#2=========>[1] panicked
//! #2 cash      +#1================>[1]=yield==>[1] returned
//! #3 card      +#1==>[1]=yield==>[1]=yield==>[1]=yield==>[1] returned
//! ```
//!
//! `cash` is polled only after `card` has been polled twice, so both look (turns 4 and 5) before either takes
//! (6 and 7). The fixed version takes before it waits:
//!
//! ```text
//! fixed: 22 schedules, complete
//! ```
//!
//! Read next: `src/explore.rs`, what is explored and what is not. Run next:
//! `cargo run --release --example cancel`.

use std::cell::Cell;
use std::rc::Rc;

use boucle::explore::Explore;
use boucle::{spawn_named, yield_now};
use stage::explored::show;
use stage::{options, println};

const HELP: &str = "\
Explores two withdrawals from one account, and draws how it comes to be overdrawn.

usage: race";

/// Writes a line to the journal, which takes a while.
async fn journal() {
    yield_now().await;
}

/// Asks for the number of the card, which takes longer.
async fn ask_for_the_number() {
    yield_now().await;
    yield_now().await;
}

/// Looks, waits, and then takes.
async fn withdraw(balance: &Cell<i32>, amount: i32) {
    if balance.get() >= amount {
        journal().await;
        balance.set(balance.get() - amount);
    }
}

/// Looks and takes, and then waits.
async fn withdraw_at_once(balance: &Cell<i32>, amount: i32) {
    if balance.get() >= amount {
        balance.set(balance.get() - amount);
        journal().await;
    }
}

/// Withdraws 80 of 100 twice: once in cash, once by card.
async fn two_withdrawals(withdraw: impl AsyncFn(&Cell<i32>, i32) + Clone + 'static) {
    let balance = Rc::new(Cell::new(100));
    let cash = {
        let (balance, withdraw) = (balance.clone(), withdraw.clone());
        spawn_named("cash", async move { withdraw(&balance, 80).await })
    };
    let card = {
        let balance = balance.clone();
        spawn_named("card", async move {
            ask_for_the_number().await;
            withdraw(&balance, 80).await;
        })
    };
    cash.await.unwrap();
    card.await.unwrap();
    assert!(balance.get() >= 0, "the account is overdrawn: {}", balance.get());
}

fn main() {
    options::none(HELP);
    show("as written", Explore::new().try_run(|| two_withdrawals(withdraw)));
    println!();
    show("fixed", Explore::new().try_run(|| two_withdrawals(withdraw_at_once)));
}
