//! All downloads at once, in either way.

use std::path::PathBuf;
use std::sync::Arc;

use stage::http::{self, Failure};

use super::links::Link;
use super::screen::Screen;

/// Where the files go, and the screen that shows it.
#[derive(Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) screen: Screen,
}

/// Downloads all the files at once. Returns whether all came.
///
/// Each download is a task of its own, so a panic ends that one alone.
pub(crate) async fn fetch<D>(
    links: Vec<Arc<Link>>,
    folder: Folder,
    download: impl Fn(Arc<Link>, Folder) -> D,
) -> bool
where
    D: Future<Output = Result<(), Failure>> + 'static,
{
    let downloads = links.into_iter().map(|link| {
        let download = boucle::spawn(download(Arc::clone(&link), folder.clone()));
        let screen = folder.screen.clone();
        async move {
            let result = download.await.unwrap_or_else(|panic| Err(panic.into()));
            if let Err(failure) = &result {
                let (name, why) = (&link.name, http::with_causes(failure));
                screen.say(format_args!("{name} failed: {why}"));
            }
            result.is_ok()
        }
    });
    !boucle::gather(downloads).await.contains(&false)
}
