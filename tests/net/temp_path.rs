//! The files of Unix sockets.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A path in the folder for temporary files. Its drop removes the file.
pub(crate) struct TempPath(PathBuf);

impl TempPath {
    /// `name` must be used by no other test.
    pub(crate) fn new(name: &str) -> TempPath {
        TempPath(std::env::temp_dir().join(format!("boucle-{}-{name}", std::process::id())))
    }
}

impl Deref for TempPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for TempPath {
    fn as_ref(&self) -> &Path {
        self
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
