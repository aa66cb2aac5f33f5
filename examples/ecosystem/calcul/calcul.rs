//! `nom` and `calcul`: as functions, as coroutines, and as coroutines that calculate in the executor.

use std::thread;
use std::time::{Duration, Instant};

use boucle::JoinError;
use num_bigint::BigUint;
use stage::println;

use super::ticking;

/// Prints a name, after a while.
fn nom(wait: Duration) {
    thread::sleep(wait);
    println!("Daniel");
}

/// Prints the first two digits of `x` to the power of a million.
fn calcul(x: u32) {
    println!("{}", of_a_million(x));
}

/// As `nom`, but other tasks have their turn while it waits.
async fn nom_async(wait: Duration) {
    boucle::sleep(wait).await;
    println!("Daniel");
}

/// As `calcul`. It has no `await`, so no other task has a turn before it is done.
pub(crate) async fn calcul_async(x: u32, digits: impl FnOnce(u32) -> String) {
    println!("{}", digits(x));
}

/// As `calcul`, but another thread calculates, and other tasks have their turn.
pub(crate) async fn calcul_in_executor<D>(x: u32, digits: D)
where
    D: FnOnce(u32) -> String + Send + 'static,
{
    println!("{}", boucle::run_in_executor(move || digits(x)).await);
}

/// Returns what `calcul` prints.
pub(crate) fn of_a_million(x: u32) -> String {
    first_digits(x, 1_000_000)
}

/// Returns the first two digits of a power. All its digits are computed, as by Python's `str(x)[:2]`.
pub(crate) fn first_digits(x: u32, exponent: u32) -> String {
    let mut digits = BigUint::from(x).pow(exponent).to_string();
    digits.truncate(2);
    digits
}

/// Calls the three, one after the other.
pub(crate) fn subroutines(wait: Duration) {
    println!("Subroutine :");
    let begin = Instant::now();
    nom(wait);
    calcul(5);
    calcul(3);
    print_total(begin.elapsed());
}

/// Spawns three tasks. Returns how many turns a task that ticks has had when both numbers are printed.
pub(crate) async fn coroutines<C>(wait: Duration, calcul: impl Fn(u32) -> C) -> Result<usize, JoinError>
where
    C: Future<Output = ()> + 'static,
{
    println!("Coroutine :");
    let begin = boucle::now();
    let turns = ticking::start();
    let task1 = boucle::spawn(nom_async(wait));
    let task2 = boucle::spawn_named("calcul 5", turns.clone().until_end_of(calcul(5)));
    let task3 = boucle::spawn_named("calcul 3", turns.clone().until_end_of(calcul(3)));
    task1.await?;
    let turns = task2.await?.max(task3.await?);
    print_total(boucle::now() - begin);
    Ok(turns)
}

fn print_total(time: Duration) {
    let seconds = time.as_secs_f64();
    println!("Durée totale d'exécution: {seconds:.2} secondes");
}
