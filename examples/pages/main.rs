//! Where the time goes when pages are fetched: one after the other, on two threads, and with two
//! coroutines on one thread.
//!
//! From the slides "programmation asynchrone" by Thierry Parmentelat: their figures 1, 2, 5, 6 and
//! 7. Each is run here, and drawn as it went; 3 and 4 only show what a process and its threads are.
//!
//! ```sh
//! cargo run --release --example pages
//! ```
//!
//! prints (the times vary; so does the order of the two threads, which the kernel decides)
//!
//! ```text
//! Figure 1 : requête à un serveur
//!            client                     server
//!      0 ms  page 1: connects
//!     40 ms                             accepts a connection
//!     80 ms  page 1: asks for part 1
//!    120 ms                             reads page 1, part 1
//!    141 ms                             sends page 1, part 1
//!    181 ms  page 1: asks for part 2
//!    221 ms                             reads page 1, part 2
//!    241 ms                             sends page 1, part 2
//!    281 ms  page 1: is there
//! total 281.9 ms, of which the client was idle for 281.8 ms
//! (the most requests that the server had open at once: 1)
//!
//! Figure 2 : deux requêtes en séquence
//!            client                     server
//!      0 ms  page 1: connects
//!     40 ms                             accepts a connection
//!     80 ms  page 1: asks for part 1
//!    120 ms                             reads page 1, part 1
//!    140 ms                             sends page 1, part 1
//!    181 ms  page 1: asks for part 2
//!    221 ms                             reads page 1, part 2
//!    241 ms                             sends page 1, part 2
//!    281 ms  page 1: is there
//!    281 ms  page 2: connects
//!    322 ms                             accepts a connection
//!    362 ms  page 2: asks for part 1
//!    402 ms                             reads page 2, part 1
//!    422 ms                             sends page 2, part 1
//!    463 ms  page 2: asks for part 2
//!    503 ms                             reads page 2, part 2
//!    523 ms                             sends page 2, part 2
//!    563 ms  page 2: is there
//! total 563.7 ms, of which the client was idle for 563.5 ms
//! (the most requests that the server had open at once: 1)
//!
//! Figure 5 : deux pages téléchargées par 2 threads différents
//!            thread 1                   thread 2                   server
//!      0 ms                             page 2: connects
//!      0 ms  page 1: connects
//!     40 ms                                                        accepts a connection
//!     40 ms                                                        accepts a connection
//!     80 ms                             page 2: asks for part 1
//!     80 ms  page 1: asks for part 1
//!    121 ms                                                        reads page 2, part 1
//!    121 ms                                                        reads page 1, part 1
//!    141 ms                                                        sends page 2, part 1
//!    141 ms                                                        sends page 1, part 1
//!    181 ms                             page 2: asks for part 2
//!    181 ms  page 1: asks for part 2
//!    221 ms                                                        reads page 2, part 2
//!    221 ms                                                        reads page 1, part 2
//!    241 ms                                                        sends page 2, part 2
//!    241 ms                                                        sends page 1, part 2
//!    282 ms                             page 2: is there
//!    282 ms  page 1: is there
//! total 282.3 ms, of which the client was idle for 281.9 ms
//! (the most requests that the server had open at once: 2)
//!
//! Figure 6 : commutations de contexte (2)
//!            thread 1                                thread 2
//!      0 µs  page 1: connects (runs 76 µs)
//!     51 µs                                          page 2: connects (runs 39 µs)
//!  80516 µs                                          page 2: asks for part 1 (runs 24 µs)
//!  80586 µs  page 1: asks for part 1 (runs 67 µs)
//! 181253 µs                                          page 2: asks for part 2 (runs 15 µs)
//! 181336 µs  page 1: asks for part 2 (runs 168 µs)
//! 282172 µs                                          page 2: is there (runs 1 µs)
//! 282253 µs  page 1: is there (runs 0 µs)
//! total 282.3 ms, of which the client was idle for 281.9 ms
//! (the most requests that the server had open at once: 2)
//!
//! Figure 7 : avec asyncio
//!            coroutine 1                coroutine 2                server
//!      0 ms  page 1: connects
//!      0 ms                             page 2: connects
//!     40 ms                                                        accepts a connection
//!     40 ms                                                        accepts a connection
//!     80 ms  page 1: asks for part 1
//!     80 ms                             page 2: asks for part 1
//!    120 ms                                                        reads page 1, part 1
//!    120 ms                                                        reads page 2, part 1
//!    140 ms                                                        sends page 1, part 1
//!    140 ms                                                        sends page 2, part 1
//!    181 ms  page 1: asks for part 2
//!    181 ms                             page 2: asks for part 2
//!    221 ms                                                        reads page 1, part 2
//!    221 ms                                                        reads page 2, part 2
//!    241 ms                                                        sends page 1, part 2
//!    241 ms                                                        sends page 2, part 2
//!    281 ms  page 1: is there
//!    282 ms                             page 2: is there
//! total 282.0 ms, of which the client was idle for 282.0 ms
//! (the most requests that the server had open at once: 2)
//! ```
//!
//! Time runs downwards. A page takes three round trips, one to connect and one for each of its two
//! parts, and the client does nothing but wait for them.
//!
//! - Figures 1 and 2: the thread waits, and the pages' times add up.
//! - Figure 5: two threads wait at the same time. Each runs the function of figure 1.
//! - Figure 6 is another run of figure 5's program, magnified as a whole, where the slides magnify its
//!   beginning: which thread runs when, and for how long until it waits again. Each run may have another order:
//!   the kernel decides which thread goes on, and may stop one anywhere.
//! - Figure 7: two coroutines wait at the same time, on one thread. The code is that of the threads
//!   with an `await` where they block, and control passes only there: so the coroutines go on in the
//!   order in which the answers come.
//!
//! The server shows without a clock that the waits overlap here, and do not in sequence: it counts the
//! requests that it has read and not answered. It is a loop on a thread of its own, and its delays
//! stand for the network: 40 ms for each way, and 20 ms for the work that an answer takes.
//!
//! Read next: `blocking.rs` beside this file, then `coroutines.rs`; then `examples/fetch/main.rs`,
//! the same with HTTP.

mod blocking;
mod coroutines;
mod figure;
mod server;
mod timeline;

use std::process::ExitCode;
use std::time::Duration;

use figure::{Figure, SERVER};
use server::Pace;
use stage::options::{self, Arg::Long};
use stage::println;

const HELP: &str = "\
Fetches pages as in the figures of the slides, and shows where the time goes.

usage: pages [--figure N] [--scale S]

  --figure N  only this figure: 1, 2, 5, 6 or 7
  --scale S   multiply the delays by S (1): 40 ms for each way through the network, 20 ms for the
              server's work for an answer";

const FIGURES: [Figure; 5] = [
    Figure {
        number: 1,
        title: "requête à un serveur",
        columns: &[(0, "client"), (SERVER, "server")],
        zoom: false,
        pages: 1,
        client: |server, timeline| blocking::page(1, server, &timeline.lane(0)),
    },
    Figure {
        number: 2,
        title: "deux requêtes en séquence",
        columns: &[(0, "client"), (SERVER, "server")],
        zoom: false,
        pages: 2,
        client: blocking::in_sequence,
    },
    Figure {
        number: 5,
        title: "deux pages téléchargées par 2 threads différents",
        columns: &[(0, "thread 1"), (1, "thread 2"), (SERVER, "server")],
        zoom: false,
        pages: 2,
        client: blocking::on_two_threads,
    },
    Figure {
        number: 6,
        title: "commutations de contexte (2)",
        columns: &[(0, "thread 1"), (1, "thread 2")],
        zoom: true,
        pages: 2,
        client: blocking::on_two_threads,
    },
    Figure {
        number: 7,
        title: "avec asyncio",
        columns: &[(0, "coroutine 1"), (1, "coroutine 2"), (SERVER, "server")],
        zoom: false,
        pages: 2,
        client: |server, timeline| boucle::run(coroutines::at_once(server, timeline)),
    },
];

/// Returns the pace, and the number of the figure if only one is wanted.
fn arguments() -> (Pace, Option<u32>) {
    options::read(HELP, |arguments| {
        let (mut scale, mut only) = (1.0, None);
        while let Some(option) = arguments.next()? {
            match option {
                Long("scale") => scale = options::factor(arguments)?,
                Long("figure") => {
                    let is_one = |number: &u32| FIGURES.iter().any(|figure| figure.number == *number);
                    let number = options::value(arguments, "figure", "one of 1, 2, 5, 6 and 7", is_one)?;
                    only = Some(number);
                }
                other => return Err(other.unexpected()),
            }
        }
        let millis = |millis| Duration::from_millis(millis).mul_f64(scale);
        let pace = Pace { network: millis(40), work: millis(20) };
        Ok((pace, only))
    })
}

fn main() -> ExitCode {
    let (pace, only) = arguments();
    let wanted = |figure: &&Figure| only.is_none_or(|number| figure.number == number);
    for (index, figure) in FIGURES.iter().filter(wanted).enumerate() {
        if index > 0 {
            println!();
        }
        if let Err(why) = figure.draw(pace) {
            eprintln!("figure {} failed: {why}", figure.number);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
