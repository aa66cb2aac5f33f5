//! The file of links: one URL on a line. Its last part is the name of the file.

use std::collections::HashSet;
use std::path::{Component, Path};
use std::sync::Arc;

use stage::http::{self, Failure, Target};

/// What to download.
pub(crate) struct Link {
    /// The last part of the URL's path, as it stands there: `%2F` is not a slash.
    pub(crate) name: String,
    pub(crate) target: Target,
}

/// Reads the text of a file of links. Returns the links, and an error for each line that is not a link.
///
/// No two links have the same name, so no file replaces another one.
pub(crate) fn read(text: &str) -> (Vec<Arc<Link>>, Vec<String>) {
    let mut links = Vec::new();
    let mut failures = Vec::new();
    let mut names = HashSet::new();
    for url in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match Link::new(url) {
            Ok(link) if names.insert(link.name.clone()) => links.push(Arc::new(link)),
            Ok(Link { name, .. }) => {
                failures.push(format!("{url} failed: another link has the file name {name}"));
            }
            Err(failure) => failures.push(format!("{url} failed: {}", http::with_causes(&failure))),
        }
    }
    (links, failures)
}

impl Link {
    fn new(url: &str) -> Result<Link, Failure> {
        let target = Target::new(url, None)?;
        let path = target.path.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        if !is_file_name(name) {
            return Err(format!("{name:?} is not a file name").into());
        }
        Ok(Link { name: name.to_owned(), target })
    }
}

/// Returns whether a name stays in its directory: it is one part of a path, and neither `.` nor `..`.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let first = parts.next();
    matches!(first, Some(Component::Normal(part)) if part == name) && parts.next().is_none()
}
