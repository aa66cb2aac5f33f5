//! The coroutine of `sleep` and `step`: it stands for work that takes some time and returns a value.

use std::time::Duration;

use stage::println;

/// Prints a line when it begins and when it ends, and returns the square of `duration`, in seconds.
/// It waits `scale` times as long.
pub(crate) async fn mysleep(duration: f64, scale: f64) -> f64 {
    println!("Entrée dans {duration}");
    boucle::sleep(Duration::from_secs_f64(duration * scale)).await;
    println!("Sortie de {duration}");
    duration.powi(2)
}
