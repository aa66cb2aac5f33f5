//! The function and the coroutine, and both ways to print three names.

use std::thread;
use std::time::{Duration, Instant};

use boucle::gather;
use stage::println;

/// A subroutine: it blocks the thread.
fn nom(prenom: &str, wait: Duration) {
    thread::sleep(wait);
    println!("{prenom}");
}

/// The same as a coroutine: while it waits, the thread polls other tasks.
async fn nom_async(prenom: &str, wait: Duration) {
    boucle::sleep(wait).await;
    println!("{prenom}");
}

pub(crate) fn subroutines(wait: Duration) {
    println!("Subroutine :");
    let start = Instant::now();
    nom("Daniel", wait);
    nom("Donna", wait);
    nom("Diane", wait);
    print_total(start.elapsed());
}

pub(crate) async fn coroutines(wait: Duration) {
    println!("Coroutine :");
    // The loop's clock, which is virtual in the tests.
    let start = boucle::now();
    gather!(nom_async("Daniel", wait), nom_async("Donna", wait), nom_async("Diane", wait)).await;
    print_total(boucle::now() - start);
}

fn print_total(time: Duration) {
    let seconds = time.as_secs_f64();
    println!("Durée totale d'exécution: {seconds:.2} secondes");
}
