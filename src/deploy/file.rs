//! The flow file that people read, edit and keep in git: one node a line, in the order of the document, without secrets.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::flow::{self, Document, Limits};

/// A flow file that a gateway reads and writes, and what it is known to say.
pub struct FlowFile {
    path: PathBuf,
    /// The document that was last read from it or written to it, without secrets. Nothing: whatever it says is ours.
    known: Mutex<Option<String>>,
}

impl FlowFile {
    pub fn new(path: PathBuf) -> FlowFile {
        FlowFile { path, known: Mutex::default() }
    }

    /// This stands in it.
    pub fn says(&self, document: &Document) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(document.to_json());
    }

    /// Writes a document, unless somebody has edited the file since: that would be lost.
    pub fn keep(&self, document: &Document) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let path = self.path.display();
        if known.is_some() && self.edited() != known {
            tracing::warn!(
                "{path} has been edited since it was read and is left as it is: the flows that run are stored, but not in it. \
                 To run the file, send SIGHUP; to have it written again, delete it"
            );
            return;
        }
        match write(&self.path, document) {
            Ok(()) => {
                if known.is_some() {
                    self.says(document);
                }
            }
            Err(error) => {
                tracing::warn!("the flows run and are stored, but {path} cannot be written: {error}")
            }
        }
    }

    /// What it says now. One that is gone says what it said.
    fn edited(&self) -> Option<String> {
        if !self.path.exists() {
            return self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
        let mut document = Document::read(&self.path, &Limits::default()).ok()?;
        flow::split(&mut document);
        Some(document.to_json())
    }
}

/// Writes it whole or not at all, and not where it says the same already: a card wears.
fn write(path: &Path, document: &Document) -> io::Result<()> {
    // Behind a link stands the file that somebody keeps elsewhere.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let text = document.to_json();
    if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let new = folder.join(format!(".{name}.new"));
    let written = || -> io::Result<()> {
        let mut file = File::create(&new)?;
        if let Ok(there) = fs::metadata(&path) {
            file.set_permissions(there.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(folder)?.sync_all()
    };
    let written = written();
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
