//! Ten files at once, twice: with blocking I/O in the executor, then with async HTTP and async
//! files. The second way is no faster.
//!
//! From the notebook "S06E05: Concurrency - The asyncio module" by Cyril Desjouy, sections 3.1 and
//! 3.2.
//!
//! ```sh
//! cargo run --release --example download
//! ```
//!
//! prints (the times and the port vary, and the order of lines that come close together)
//!
//! ```text
//! (a local server stands in for the course's: 127.0.0.1:37153)
//! C02-Shared_References.pdf downloaded and saved
//! C03-Input-Output.pdf downloaded and saved
//! C07-1-Functions.pdf downloaded and saved
//! C04-Compound_Instructions.pdf downloaded and saved
//! C06-Script.pdf downloaded and saved
//! C05-Scientific.pdf downloaded and saved
//! C08-2-UI.pdf downloaded and saved
//! C01-Objects.pdf downloaded and saved
//! C07-2-Classes.pdf downloaded and saved
//! C08-1-Std_Library.pdf downloaded and saved
//! Elapsed :  0.855146206
//! (the most requests that the server had open at once: 10)
//! C02-Shared_References.pdf downloaded
//! C02-Shared_References.pdf saved
//! C03-Input-Output.pdf downloaded
//! C03-Input-Output.pdf saved
//! C07-1-Functions.pdf downloaded
//! C07-1-Functions.pdf saved
//! C04-Compound_Instructions.pdf downloaded
//! C04-Compound_Instructions.pdf saved
//! C06-Script.pdf downloaded
//! C06-Script.pdf saved
//! C05-Scientific.pdf downloaded
//! C05-Scientific.pdf saved
//! C08-2-UI.pdf downloaded
//! C08-2-UI.pdf saved
//! C01-Objects.pdf downloaded
//! C07-2-Classes.pdf downloaded
//! C07-2-Classes.pdf saved
//! C01-Objects.pdf saved
//! C08-1-Std_Library.pdf downloaded
//! C08-1-Std_Library.pdf saved
//! Elapsed :  0.853716122
//! (the most requests that the server had open at once: 10)
//! (both times the files are what was served, byte for byte)
//!
//! With async files it took 0.85 s, without them 0.86 s.
//! A file counts as ready at all times, so a loop cannot wait for it: async-fs
//! makes the same blocking calls, on threads of its own. Only the waits for the network
//! overlap, and they do so both ways.
//! ```
//!
//! In the first half the loop only waits for ten threads. In the second the ten requests wait in the
//! loop, on one thread, and only the files need others: `async-fs` makes its calls on the threads of
//! the `blocking` crate, as `run_in_executor` does on those of boucle. (The notebook took 12.86 s, then
//! 12.61 s.) Both halves gain time because the server reads all ten requests before it answers the first.
//!
//! Where Python has `async with`, the file is closed by a call that is awaited. It is written under
//! another name, and renamed when it is whole: a download that fails, or is dropped, leaves nothing
//! behind. (If a signal ends the program, what it has begun stays: without `--to`, in a directory
//! `boucle-download-…` among the temporary files.)
//!
//! To download other files: `cargo run --release --example download -- --links FILE --to DIR`. On a
//! terminal there are bars.
//!
//! Read next: `blocking.rs` and `asynchronous.rs` beside this file, the two ways; `part.rs`, the
//! file that is not whole yet; then `src/executor/run_in_executor.rs`.

mod asynchronous;
mod blocking;
mod fetch;
mod links;
mod part;
mod screen;
mod server;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use fetch::{Folder, fetch};
use links::Link;
use screen::Screen;
use stage::http::{self, Failure, Server};
use stage::options::{self, Arg::Long};
use stage::{println, stdout};

const HELP: &str = "\
Downloads ten files at once, with blocking I/O in the executor and then with async HTTP and async
files, and says why the second way is no faster.

usage: download [--links FILE] [--to DIR] [--scale S]

  --links FILE  download what FILE lists, one URL on a line; without it, a server in this
                program has ten files, and the list of them is made
  --to DIR      keep the files, in DIR/blocking and DIR/asynchronous; no file is overwritten
  --scale S     multiply the server's delays, 0.4 s to 0.85 s, by S (1)

The exit status is 1 if a file could not be downloaded (its line says why), or a line could not be printed.";

struct Options {
    links: Option<PathBuf>,
    to: Option<PathBuf>,
    scale: f64,
}

/// Downloads both ways, and prints what was gained. Returns whether all files came, both times.
fn compare(directory: &Path, options: &Options) -> Result<bool, Failure> {
    let (links, server) = match &options.links {
        Some(file) => (file.clone(), None),
        None => {
            let file = directory.join("links");
            (file.clone(), Some(server::start(&file, options.scale)?))
        }
    };
    let text = fs::read_to_string(&links).map_err(|error| at(&links, error))?;
    let (found, failures) = links::read(&text);
    failures.iter().for_each(|failure| println!("{failure}"));
    if found.is_empty() {
        return Err(format!("{}: there is no link in it", links.display()).into());
    }

    let (one, other) = (directory.join("blocking"), directory.join("asynchronous"));
    let server = server.as_ref();
    let (all_came, blocking) = timed(&found, &one, blocking::download, server)?;
    let (all_came_again, asynchronous) = timed(&found, &other, asynchronous::download, server)?;
    if !(all_came && all_came_again) {
        return Ok(false);
    }
    if server.is_some() {
        for directory in [one, other] {
            server::expect_served(&directory)?;
        }
        println!("(both times the files are what was served, byte for byte)");
    }
    println!();
    println!("With async files it took {asynchronous:.2} s, without them {blocking:.2} s.");
    println!("A file counts as ready at all times, so a loop cannot wait for it: async-fs");
    println!("makes the same blocking calls, on threads of its own. Only the waits for the network");
    println!("overlap, and they do so both ways.");
    Ok(failures.is_empty())
}

/// Downloads the files one way, and prints how long it took and how many requests the server had open.
/// Returns whether all came, and the seconds.
fn timed<D>(
    links: &[Arc<Link>],
    directory: &Path,
    download: impl Fn(Arc<Link>, Folder) -> D,
    server: Option<&Server>,
) -> Result<(bool, f64), Failure>
where
    D: Future<Output = Result<(), Failure>> + 'static,
{
    fs::create_dir_all(directory).map_err(|error| at(directory, error))?;
    let folder = Folder { path: directory.to_owned(), screen: Screen::new() };
    let begin = Instant::now();
    let all_came = boucle::run(fetch(links.to_vec(), folder, download));
    let seconds = begin.elapsed().as_secs_f64();
    println!("Elapsed :  {seconds}");
    if let Some(server) = server {
        let most = server.take_most_open();
        println!("(the most requests that the server had open at once: {most})");
    }
    Ok((all_came, seconds))
}

/// Compares in the directory that was given, or in one that is removed at the end.
fn demo(options: &Options) -> Result<bool, Failure> {
    if let Some(directory) = &options.to {
        fs::create_dir_all(directory).map_err(|error| at(directory, error))?;
        return compare(directory, options);
    }
    let directory = tempfile::Builder::new().prefix("boucle-download-").tempdir()?;
    let all_came = compare(directory.path(), options)?;
    directory.close()?;
    Ok(all_came)
}

/// Puts the path that an error is about before it.
fn at(path: &Path, error: io::Error) -> Failure {
    format!("{}: {error}", path.display()).into()
}

fn options() -> Options {
    options::read(HELP, |arguments| {
        let mut options = Options { links: None, to: None, scale: 1.0 };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("links") => options.links = Some(arguments.value()?.into()),
                Long("to") => options.to = Some(arguments.value()?.into()),
                Long("scale") => options.scale = options::factor(arguments)?,
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    })
}

fn main() -> ExitCode {
    let options = options();
    // When the output cannot be written, there is still a directory to remove.
    stdout::go_on_without_output();
    match demo(&options) {
        Ok(true) if !stdout::has_failed() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("download: {}", http::with_causes(&failure));
            ExitCode::FAILURE
        }
    }
}
