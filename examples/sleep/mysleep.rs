//! The coroutine of `sleep` and `step`: it stands for a treatment that takes some time and returns
//! something.

use std::time::Duration;

use stage::println;

/// Says when it begins and when it ends, and returns the square of its duration, in seconds.
/// It waits `scale` times as long.
pub(crate) async fn mysleep(duration: f64, scale: f64) -> f64 {
    println!("Entrée dans {duration}");
    boucle::sleep(Duration::from_secs_f64(duration * scale)).await;
    println!("Sortie de {duration}");
    duration.powi(2)
}
