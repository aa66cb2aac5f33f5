//! A file that is not whole yet.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

/// The file `.NAME.XXXXXX.part`, in the directory of the whole file. It is removed when this is dropped:
/// after a failure, or when the download is cancelled.
pub(crate) struct Part {
    temporary: TempPath,
    whole: PathBuf,
}

impl Part {
    /// Creates it, empty.
    pub(crate) fn create(directory: &Path, name: &str) -> io::Result<(File, Part)> {
        let (file, temporary) = Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(".part")
            .make_in(directory, |path| File::create_new(path))
            .map(NamedTempFile::into_parts)?;
        let whole = directory.join(name);
        Ok((file, Part { temporary, whole }))
    }

    /// Renames the file, which is whole now.
    ///
    /// # Errors
    ///
    /// If a file has this name already: it is not overwritten.
    pub(crate) fn keep(self) -> io::Result<()> {
        let kept = self.temporary.persist_noclobber(self.whole);
        kept.map_err(|failure| failure.error)
    }
}
