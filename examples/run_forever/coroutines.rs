//! The course's coroutines.

use std::time::Duration;

use stage::println;

pub(crate) async fn coroutine() {
    println!("Exécution de la coroutine");
}

pub(crate) async fn coroutine_that_stops() {
    println!("Exécution de la coroutine");
    boucle::stop();
}

pub(crate) async fn coroutine_1(wait: Duration) {
    println!("Exécution de la coroutine 1");
    boucle::sleep(wait).await;
    println!("Fin de l'exécution de la coroutine 1");
}

pub(crate) async fn coroutine_2(wait: Duration) {
    println!("Exécution de la coroutine 2");
    boucle::sleep(wait).await;
    println!("Fin de l'exécution de la coroutine 2");
}

pub(crate) async fn coroutine_2_that_stops(wait: Duration) {
    coroutine_2(wait).await;
    boucle::stop();
}
