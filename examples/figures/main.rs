//! The figures of the slides as pictures: five that are recorded or measured on this machine, and two
//! plain drawings.
//!
//! From the slides "programmation asynchrone" by Thierry Parmentelat, figures 1 to 7. The pictures
//! are our own.
//!
//! ```sh
//! cargo run --release --example figures -- 7 > figure-7.svg
//! ```
//!
//! writes a picture to look at in a browser, in less than a second. Without a number, it lists the
//! figures:
//!
//! ```text
//! 1  requête à un serveur                              recorded
//! 2  deux requêtes en séquence                         recorded
//! 3  un processus                                      drawn
//! 4  les threads d'un processus                        drawn
//! 5  deux pages téléchargées par 2 threads différents  measured
//! 6  commutations de contexte (2)                      measured
//! 7  avec asyncio                                      recorded
//!
//! Write one: cargo run --release --example figures -- 7 > figure-7.svg
//! ```
//!
//! - Figures 1, 2 and 7 are recordings of two loops, a client's and a server's, on one axis of
//!   time. A poll is a thin line: nearly all of the time both threads sleep. In 2 the second page is
//!   asked for when the first one has come; in 7 both are awaited at once, on one thread.
//! - Figures 5 and 6 show two threads by their own measurements: the time of each return from a call
//!   to the kernel. 6 is the moment when both answers come, where the slides magnify the beginning. A
//!   thread cannot measure whether it was stopped between two of these times, nor when the kernel
//!   switched.
//! - Figures 3 and 4 are drawings, and say so.
//!
//! The server shows without a clock that the waits overlap in 5 and 7, and do not in 2: the picture
//! says how many requests the server had open at once.
//!
//! Read next: `recorded.rs` beside this file, the three clients; then `threads.rs`, the same with
//! threads; then `src/trace/time_axis.rs`. Run next: `cargo run --release --example pages`, the
//! figures as text.

mod drawn;
mod lanes;
mod recorded;
mod server;
mod sheet;
mod threads;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use sheet::framed;
use stage::http::Failure;
use stage::options::{self, Arg::Value, ValueExt};
use stage::println;

const HELP: &str = "\
Draws a figure of the slides, as SVG.

usage: figures [N]

  N       which one: 1 to 7; without it, lists the figures
  --help  print this";

struct Figure {
    title: &'static str,
    /// Whether it is recorded, measured or drawn.
    source: &'static str,
    /// Makes it, with a title.
    svg: fn(&str) -> Result<String, Failure>,
}

const FIGURES: [Figure; 7] = [
    Figure {
        title: "requête à un serveur",
        source: "recorded",
        svg: |title| recording(title, recorded::one),
    },
    Figure {
        title: "deux requêtes en séquence",
        source: "recorded",
        svg: |title| recording(title, recorded::in_sequence),
    },
    Figure {
        title: "un processus",
        source: "drawn",
        svg: |title| Ok(drawn::process().finish(title, &[DRAWING])),
    },
    Figure {
        title: "les threads d'un processus",
        source: "drawn",
        svg: |title| Ok(drawn::threads().finish(title, &[DRAWING])),
    },
    Figure {
        title: "deux pages téléchargées par 2 threads différents",
        source: "measured",
        svg: on_two_threads,
    },
    Figure { title: "commutations de contexte (2)", source: "measured", svg: zoomed },
    Figure { title: "avec asyncio", source: "recorded", svg: |title| recording(title, recorded::at_once) },
];

const DRAWING: &str = "A drawing, not a recording.";

/// Figures 1, 2 and 7.
fn recording(
    title: &str,
    client: impl AsyncFnOnce(SocketAddr) -> Result<(), Failure>,
) -> Result<String, Failure> {
    let recording = recorded::record(client)?;
    let [client, server] = [0, 1].map(|index: usize| recording.trace.loops[index].number);
    let loops = format!("A recording: loop {client} is the client's, loop {server} the server's.");
    let open = open_at_once(recording.most_open);
    Ok(framed(&recording.trace.to_svg_over_time(), title, &[&loops, &open]))
}

fn on_two_threads(title: &str) -> Result<String, Failure> {
    let measured = threads::on_two_threads([150, 100].map(Duration::from_millis))?;
    let notes = [
        "Measured: each thread takes the time when it comes back from a call to the kernel.",
        &open_at_once(measured.most_open),
    ];
    Ok(lanes::whole(&measured.threads).finish(title, &notes))
}

/// Both pages take the same time, so that both threads are woken together.
fn zoomed(title: &str) -> Result<String, Failure> {
    let threads = threads::on_two_threads([100, 100].map(Duration::from_millis))?.threads;
    let [one, other] = threads.each_ref().map(|thread| thread.answered);
    let apart = one.abs_diff(other).as_micros();
    let measured = format!("Measured: the two threads came back from their wait {apart} µs apart.");
    let notes = [
        &*measured,
        "Whether one was stopped in between, and when the kernel switched, cannot be seen from here.",
    ];
    Ok(lanes::zoomed(&threads).finish(title, &notes))
}

fn open_at_once(most: usize) -> String {
    format!("The most requests that the server had open at once: {most}.")
}

/// The number on the command line.
fn number() -> Option<usize> {
    options::read(HELP, |arguments| {
        let mut number = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Value(text) if number.is_none() => number = Some(figure(&text.string()?)?),
                other => return Err(other.unexpected()),
            }
        }
        Ok(number)
    })
}

fn figure(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=FIGURES.len()).contains(&number) => Ok(number),
        _ => Err(format!("{text:?} is not a number from 1 to 7")),
    }
}

fn list_figures() {
    for (index, Figure { title, source, .. }) in FIGURES.iter().enumerate() {
        println!("{}  {title:48}  {source}", index + 1);
    }
    println!();
    println!("Write one: cargo run --release --example figures -- 7 > figure-7.svg");
}

fn main() -> ExitCode {
    let Some(number) = number() else {
        list_figures();
        return ExitCode::SUCCESS;
    };
    let Figure { title, svg, .. } = &FIGURES[number - 1];
    match svg(&format!("Figure {number} : {title}")) {
        Ok(svg) => {
            println!("{svg}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("figure {number} failed: {}", stage::http::with_causes(&why));
            ExitCode::FAILURE
        }
    }
}
