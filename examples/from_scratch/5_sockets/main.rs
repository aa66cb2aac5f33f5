//! From scratch, 5: sockets. Four pages and three sleeps at once, on one thread. (The server is that of `fetch`:
//! hyper's, on boucle, on another thread.)
//!
//! ```sh
//! cargo run --example scratch_5
//! ```
//!
//! prints, in a second and a half,
//!
//! ```text
//! fetching http://www.irs.gov/pub/irs-pdf/f1040.pdf
//! fetching http://www.irs.gov/pub/irs-pdf/f1040ez.pdf
//! fetching http://www.irs.gov/pub/irs-pdf/f1040es.pdf
//! fetching http://www.irs.gov/pub/irs-pdf/f1040sb.pdf
//! Entrée dans 1
//! Entrée dans 0.5
//! Entrée dans 1.5
//! http://www.irs.gov/pub/irs-pdf/f1040es.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040es.pdf returned 303413 bytes
//! 1 done, 3 pending
//! Sortie de 0.5
//! http://www.irs.gov/pub/irs-pdf/f1040ez.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040ez.pdf returned 93477 bytes
//! http://www.irs.gov/pub/irs-pdf/f1040.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040.pdf returned 163287 bytes
//! http://www.irs.gov/pub/irs-pdf/f1040sb.pdf returned status 200
//! http://www.irs.gov/pub/irs-pdf/f1040sb.pdf returned 76237 bytes
//! Sortie de 1
//! Sortie de 1.5
//! [1.0, 0.25, 2.25]
//! 10,000 awaits were ready at once, and the task that was next has waited for all of them
//! ```
//!
//! The loop is in `event_loop.rs`, beside this file. What is new there: a socket is registered with the
//! kernel once; an operation that would block leaves the task's waker with the socket; a park returns which
//! sockets are ready, and the loop wakes the tasks that wait for them, and each tries again. One call waits
//! for sockets and for timers.
//!
//! This loop cannot take the thread from a task whose every await is ready: its poll does not end. A task
//! that reads from a fast sender can be such a task, since its socket always has data.
//!
//! Read next: the table of `../README.md`, which compares boucle's loop with these five.

mod event_loop;
#[path = "../../fetch/server.rs"]
mod server;

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use event_loop::{TcpStream, run, sleep, spawn, wait};

async fn fetch(url: &str, server: SocketAddr) -> io::Result<()> {
    println!("fetching {url}");
    let stream = TcpStream::connect(server).await?;
    let path = url.trim_start_matches("http://www.irs.gov");
    let request = format!("GET {path} HTTP/1.1\r\nHost: www.irs.gov\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;

    let mut response = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            n => response.extend_from_slice(&buffer[..n]),
        }
    }
    let end_of_head = response.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = response.split_at(end_of_head.ok_or(io::ErrorKind::UnexpectedEof)? + 4);
    let head = String::from_utf8_lossy(head);
    println!("{url} returned status {}", head.split(' ').nth(1).unwrap_or("missing"));
    println!("{url} returned {} bytes", body.len());
    Ok(())
}

async fn mysleep(duration: f64) -> f64 {
    println!("Entrée dans {duration}");
    sleep(Duration::from_secs_f64(duration)).await;
    println!("Sortie de {duration}");
    duration.powi(2)
}

fn main() -> io::Result<()> {
    let server = server::start()?;
    let address = server.address;
    run(async move {
        let fetches = server::URLS.map(|url| spawn(fetch(url, address))).into();
        let sleeps = [1.0, 0.5, 1.5].map(|duration| spawn(mysleep(duration)));
        let (done, pending) = wait(fetches).await;
        println!("{} done, {} pending", done.len(), pending.len());
        for handle in pending {
            handle.await?;
        }
        let mut results = Vec::new();
        for handle in sleeps {
            results.push(handle.await);
        }
        println!("{results:?}");
        done.into_iter().collect::<io::Result<()>>()
    })?;

    let is_late = run(async {
        let has_run = Rc::new(Cell::new(false));
        let next = has_run.clone();
        drop(spawn(async move { next.set(true) }));
        for _ in 0..10_000 {
            sleep(Duration::ZERO).await;
        }
        !has_run.get()
    });
    assert!(is_late);
    println!("10,000 awaits were ready at once, and the task that was next has waited for all of them");
    Ok(())
}
