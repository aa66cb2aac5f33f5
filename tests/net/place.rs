//! Files of sockets.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A path for a socket, whose file is removed when this drops.
pub(crate) struct Place(PathBuf);

impl Place {
    /// Each test has names of its own.
    pub(crate) fn new(name: &str) -> Place {
        Place(std::env::temp_dir().join(format!("boucle-{}-{name}", std::process::id())))
    }
}

impl Deref for Place {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for Place {
    fn as_ref(&self) -> &Path {
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
