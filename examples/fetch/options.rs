//! The command line.

use std::env;
use std::process::ExitCode;

use crate::stdout::println;

const HELP: &str = "\
Fetches URLs concurrently, on one thread, then one after the other, and compares the times.

usage: fetch [URL]...

Only http:// URLs can be fetched. Without any, a server in this program stands in for
www.irs.gov, and its four pages are fetched.

  --help  say this

The exit status is 1 if a URL could not be fetched.";

/// The URLs on the command line; or how the program ends if it has nothing to fetch.
pub(crate) fn urls() -> Result<Vec<String>, ExitCode> {
    let mut urls = Vec::new();
    for argument in env::args_os().skip(1) {
        match argument.to_string_lossy().into_owned() {
            help if help == "--help" => {
                println!("{HELP}");
                return Err(ExitCode::SUCCESS);
            }
            option if option.starts_with('-') => {
                eprintln!("fetch: no such option: {option} (try --help)");
                return Err(ExitCode::from(2));
            }
            url => urls.push(url),
        }
    }
    Ok(urls)
}
