//! With blocking I/O: each download has a thread of the executor for itself.

use std::io;
use std::sync::Arc;

use stage::http::{self, Failure};

use super::fetch::Folder;
use super::links::Link;
use super::part::Part;

/// A coroutine that lets the executor download a file.
///
/// A thread cannot be stopped: if this is dropped, the thread still downloads the whole file.
pub(crate) async fn download(link: Arc<Link>, folder: Folder) -> Result<(), Failure> {
    let (name, screen) = (link.name.clone(), folder.screen.clone());
    boucle::run_in_executor(move || retrieve(&link, &folder)).await?;
    screen.say(format_args!("{name} downloaded and saved"));
    Ok(())
}

/// Downloads a file. Blocks the thread, which waits for the server and for the disk in turn.
fn retrieve(link: &Link, folder: &Folder) -> Result<(), Failure> {
    let bar = folder.screen.bar(&link.name);
    let response = http::blocking::get(&link.target)?;
    http::expect_ok(response.status)?;
    if let Some(length) = response.length {
        bar.set_length(length);
    }
    let (mut file, part) = Part::create(&folder.path, &link.name)?;
    io::copy(&mut bar.wrap_read(response), &mut file)?;
    Ok(part.keep()?)
}
