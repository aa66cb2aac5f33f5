//! Four pages at once, by a coroutine, and one after the other, by a function.

use std::io::Read;
use std::net::SocketAddr;

use http_body_util::BodyExt;
use stage::http::{self, Failure};
use stage::println;

use super::redirects;

/// Fetches a page: first its status, then all of its body. (The name is the course's. Where its program has
/// two `async with`, a destructor closes here.)
async fn asynchroneous(url: &str, server: Option<SocketAddr>) -> Result<(), Failure> {
    println!("fetching {url}");
    let response = redirects::get(url, server).await?;
    println!("{url} returned status {}", response.status().as_u16());
    http::expect_ok(response.status())?;
    let body = response.collect().await?.to_bytes();
    println!("{url} returned {} bytes", body.len());
    Ok(())
}

/// Fetches all pages at once. Returns whether each came.
pub(crate) async fn concurrently(urls: Vec<String>, server: Option<SocketAddr>) -> Vec<bool> {
    let fetches = urls.into_iter().map(|url| async move {
        let result = asynchroneous(&url, server).await;
        came(&url, result)
    });
    boucle::gather(fetches).await
}

/// The same as a function, which blocks the thread.
fn synchroneous(url: &str, server: Option<SocketAddr>) -> Result<(), Failure> {
    println!("fetching {url} synchroneously (blocking)");
    let mut response = redirects::get_blocking(url, server)?;
    println!("{url} returned status {}", response.status.as_u16());
    http::expect_ok(response.status)?;
    let mut body = Vec::new();
    response.read_to_end(&mut body)?;
    let text = String::from_utf8_lossy(&body);
    println!("{url} returned {} chars", text.chars().count());
    Ok(())
}

/// Fetches one page after the other. Returns whether each came.
pub(crate) fn in_sequence(urls: &[String], server: Option<SocketAddr>) -> Vec<bool> {
    let fetch = |url: &String| came(url, synchroneous(url, server));
    urls.iter().map(fetch).collect()
}

/// Returns whether a page came; prints why if it did not.
fn came(url: &str, result: Result<(), Failure>) -> bool {
    if let Err(failure) = &result {
        println!("{url} failed: {}", http::with_causes(failure));
    }
    result.is_ok()
}
