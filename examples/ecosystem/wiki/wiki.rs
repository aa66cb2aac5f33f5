//! The summaries of some pages, each after a while: with functions that block, and with coroutines.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use stage::http::{self, Failure, blocking};
use stage::println;

use super::api;

/// Which server to ask, and how long to wait first.
#[derive(Clone)]
pub(crate) struct Site {
    /// `http://HOST:PORT`
    pub(crate) url: String,
    pub(crate) wait: Duration,
}

impl Site {
    /// Prints the summary of a page, after a while. Returns whether it came.
    fn wiki(&self, page: &str) -> bool {
        thread::sleep(self.wait);
        print(page, self.summary(page))
    }

    fn summary(&self, page: &str) -> Result<String, Failure> {
        let mut response = blocking::get(&api::question(&self.url, page)?)?;
        http::expect_ok(response.status)?;
        let mut answer = Vec::new();
        response.read_to_end(&mut answer)?;
        api::summary(&answer)
    }

    /// The same, but other tasks have their turn while it waits and fetches.
    async fn wiki_async(self, page: String) -> bool {
        boucle::sleep(self.wait).await;
        print(&page, self.summary_async(&page).await)
    }

    async fn summary_async(&self, page: &str) -> Result<String, Failure> {
        let response = http::get(&api::question(&self.url, page)?).await?;
        http::expect_ok(response.status())?;
        api::summary(&response.collect().await?.to_bytes())
    }
}

/// One page after the other. Returns whether all came.
pub(crate) fn subroutines(site: &Site, pages: &[String]) -> bool {
    println!("Subroutine :");
    let begin = Instant::now();
    let came: Vec<_> = pages.iter().map(|page| site.wiki(page)).collect();
    print_total(begin.elapsed());
    !came.contains(&false)
}

/// All pages concurrently. Returns whether all came.
pub(crate) async fn coroutines(site: &Site, pages: &[String]) -> bool {
    println!("Coroutine :");
    let begin = boucle::now();
    let pages = pages.iter().cloned();
    let came = boucle::gather(pages.map(|page| site.clone().wiki_async(page))).await;
    print_total(boucle::now() - begin);
    !came.contains(&false)
}

/// Prints a summary as the course does, `print('\n', summary)`; or why there is none. Returns
/// whether there is one.
fn print(page: &str, summary: Result<String, Failure>) -> bool {
    match &summary {
        Ok(summary) => {
            // A control character could drive the terminal.
            let is_control = |letter: char| letter.is_control() && letter != '\n';
            println!("\n {}", summary.replace(is_control, " "));
        }
        Err(failure) => println!("\n{page} failed: {}", http::with_causes(failure)),
    }
    summary.is_ok()
}

fn print_total(time: Duration) {
    let seconds = time.as_secs_f64();
    println!("\nDurée totale d'exécution: {seconds:.2} secondes");
}
