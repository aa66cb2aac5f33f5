//! A coroutine that awaits another.

use std::time::Duration;

use stage::println;

pub(crate) async fn coroutine_1(wait: Duration) -> &'static str {
    println!("Exécution de la coroutine 1");
    coroutine_2(wait).await;
    println!("Fin de l'exécution de la coroutine 1");
    "1"
}

async fn coroutine_2(wait: Duration) -> &'static str {
    println!("Exécution de la coroutine 2");
    boucle::sleep(wait).await;
    println!("Fin de l'exécution de la coroutine 2");
    "2"
}
