//! With async HTTP and async files: the requests wait in the loop, the files on other threads.

use std::sync::Arc;

use async_fs::File;
use futures_lite::AsyncWriteExt;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Body, Bytes, Frame, Incoming};
use indicatif::ProgressBar;
use stage::http::{self, Failure};

use super::fetch::Folder;
use super::links::Link;
use super::part::Part;

/// A coroutine that downloads a file.
///
/// The part is created and renamed on a thread of the executor, since both block. If this is dropped
/// before the part is there, the executor still creates it, and removes it at once.
pub(crate) async fn download(link: Arc<Link>, folder: Folder) -> Result<(), Failure> {
    let (name, screen) = (link.name.clone(), folder.screen.clone());
    let bar = screen.bar(&name);
    let response = http::get(&link.target).await?;
    http::expect_ok(response.status())?;
    let content = read(response, &bar).await?;
    screen.say(format_args!("{name} downloaded"));

    let create = move || Part::create(&folder.path, &link.name);
    let (file, part) = boucle::run_in_executor(create).await?;
    let mut file = File::from(file);
    let written = file.write_all(&content).await;
    // As `async with` does at its end, even after an error; a destructor could not await. Another thread
    // still writes the bytes, and only the close returns the error of a full disk.
    file.close().await?;
    written?;
    boucle::run_in_executor(|| part.keep()).await?;
    screen.say(format_args!("{name} saved"));
    Ok(())
}

/// Reads a body to its end, and moves the bar with each piece.
async fn read(response: Response<Incoming>, bar: &ProgressBar) -> Result<Bytes, Failure> {
    if let Some(length) = response.body().size_hint().exact() {
        bar.set_length(length);
    }
    let moves_the_bar = |frame: Frame<Bytes>| {
        bar.inc(frame.data_ref().map_or(0, Bytes::len) as u64);
        frame
    };
    let body = response.into_body().map_frame(moves_the_bar);
    Ok(body.collect().await?.to_bytes())
}
