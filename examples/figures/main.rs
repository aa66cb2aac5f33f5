//! The figures of the slides as pictures: what was recorded or measured on this machine, and two
//! plain drawings.
//!
//! From the slides "programmation asynchrone" by Thierry Parmentelat, figures 1 to 7. The pictures
//! are our own.
//!
//! ```sh
//! cargo run --release --example figures -- 7 > figure-7.svg
//! ```
//!
//! writes a picture to look at in a browser, in less than a second. Without a number, it says
//! what there is:
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
//!   time. What is polled is a mere line: nearly all of the time both threads sleep. In 2 the second
//!   page is asked for when the first one is there; in 7 both are awaited at once, on one thread.
//! - Figures 5 and 6 show two threads, by the times that they note themselves: when each came back
//!   from a call to the kernel. 6 is the moment when both answers come. Whether a thread was stopped
//!   between two of its notes, and when the kernel switched, it cannot know.
//! - Figures 3 and 4 are drawings, and say so.
//!
//! That the waits overlap in 5 and 7, and in 2 do not, the server says without a clock: the picture
//! says how many requests it had open at once.
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

  N       which one: 1 to 7; without it, says what there is
  --help  say this";

/// A figure: its title, where it comes from, and how it is made, given its title.
struct Figure {
    title: &'static str,
    source: &'static str,
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
    let it = recorded::record(client)?;
    let [client, server] = [0, 1].map(|index: usize| it.trace.loops[index].number);
    let who = format!("A recording: loop {client} is the client's, loop {server} the server's.");
    let open = open_at_once(it.most_open);
    Ok(framed(&it.trace.to_svg_over_time(), title, &[&who, &open]))
}

fn on_two_threads(title: &str) -> Result<String, Failure> {
    let it = threads::on_two_threads([150, 100].map(Duration::from_millis))?;
    let notes = [
        "Measured: each thread notes the time when it comes back from a call to the kernel.",
        &open_at_once(it.most_open),
    ];
    Ok(lanes::whole(&it.threads).finish(title, &notes))
}

/// Both pages take as long, so that both threads are woken together.
fn zoomed(title: &str) -> Result<String, Failure> {
    let it = threads::on_two_threads([100, 100].map(Duration::from_millis))?;
    let [one, other] = it.threads.each_ref().map(|thread| thread.answered);
    let apart = one.abs_diff(other).as_micros();
    let measured = format!("Measured: the two threads came back from their wait {apart} µs apart.");
    let notes = [
        &*measured,
        "Whether one was stopped in between, and when the kernel switched, cannot be seen from here.",
    ];
    Ok(lanes::zoomed(&it.threads).finish(title, &notes))
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
                Value(text) if number.is_none() => {
                    number = Some(figure(&text.string()?)?);
                }
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

fn say_what_there_is() {
    for (index, Figure { title, source, .. }) in FIGURES.iter().enumerate() {
        println!("{}  {title:48}  {source}", index + 1);
    }
    println!();
    println!("Write one: cargo run --release --example figures -- 7 > figure-7.svg");
}

fn main() -> ExitCode {
    let Some(number) = number() else {
        say_what_there_is();
        return ExitCode::SUCCESS;
    };
    let Figure { title, svg, .. } = &FIGURES[number - 1];
    match svg(&format!("Figure {number} : {title}")) {
        Ok(svg) => {
            println!("{svg}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("figure {number} failed: {}", stage::http::why(&why));
            ExitCode::FAILURE
        }
    }
}
