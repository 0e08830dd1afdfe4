//! The flow file that people read, edit and keep in git: one node a line, in the order of the document, without secrets.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::flow::Document;

/// Writes it whole or not at all, and not where it says the same already: a card wears.
pub fn write(path: &Path, document: &Document) -> io::Result<()> {
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
