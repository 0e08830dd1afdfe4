//! A damaged database as SQLite can read it. The commits behind a bad frame are to be seen too, so it reads a WAL with
//! checksums made anew, beside a second name of the database. It cannot write to that: the file is opened for reading.

use super::source::{Image, Source};
use super::wal::{self, Writer};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

pub struct View {
    pub connection: Option<Connection>,
    /// Why it is less than it could be.
    pub note: Option<String>,
    scratch: Option<PathBuf>,
}

impl View {
    /// Fails only in what it reports: what cannot be opened has no tables to read.
    pub fn open(database: &Path, source: &Source) -> View {
        let mut view = View { connection: None, note: None, scratch: None };
        let needs_wal = source.wal.last_commit > 0 || !first_page_is_sane(source);
        let opened = match needs_wal {
            false => immutable(database),
            true => {
                let mut scratch = database.as_os_str().to_owned();
                scratch.push("-salvage");
                let scratch = PathBuf::from(scratch);
                view.scratch = Some(scratch.clone());
                match beside(database, source, &scratch) {
                    Ok(beside) => lenient(&beside, OpenFlags::empty()),
                    Err(error) => {
                        view.note = Some(format!("its write-ahead log is left out of the tables: {error}"));
                        immutable(database)
                    }
                }
            }
        };
        match opened {
            Ok(connection) => view.connection = Some(connection),
            Err(error) => view.note = Some(format!("no table can be read: {error}")),
        }
        view
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.connection = None;
        if let Some(scratch) = &self.scratch {
            // What is left there is a name and a copy; the next salvage takes it away.
            let _ = clear(scratch);
        }
    }
}

fn clear(scratch: &Path) -> io::Result<()> {
    for name in ["view", "view-wal", "view-shm"] {
        match fs::remove_file(scratch.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_dir(scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads a database as it lies there, without its WAL.
pub fn immutable(database: &Path) -> rusqlite::Result<Connection> {
    let mut uri = "file:".to_owned();
    for byte in database.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte))
            }
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    lenient(Path::new(&uri), OpenFlags::SQLITE_OPEN_URI)
}

fn lenient(database: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    // One entry of the schema that makes no sense is not to hide all the others.
    connection.pragma_update(None, "writable_schema", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Gives the database a second name, and a WAL beside that with all its commits.
fn beside(database: &Path, source: &Source, scratch: &Path) -> io::Result<PathBuf> {
    clear(scratch)?;
    fs::create_dir(scratch)?;
    let view = scratch.join("view");
    let mut pages = source.wal.pages_after(source.wal.last_commit);
    if pages == 0 {
        pages = source.main_pages;
    }
    if source.main_pages == 0 {
        // All that there is stands in the WAL; but SQLite takes the WAL of an empty database away.
        File::create_new(&view)?.set_len(u64::from(pages) * source.page_size as u64)?;
    } else {
        fs::hard_link(database, &view)?;
    }
    let mut wal = Writer::new(BufWriter::new(File::create_new(wal::path_of(&view))?), source.page_size)?;
    let mut page = vec![0; source.page_size];
    for (frame, n) in source.wal.frames[..source.wal.last_commit].iter().zip(1..) {
        let image = Image { page: frame.page, frame: n };
        // A page number out of all proportion is one that was overwritten; of a page that is lost the older version is better.
        let sane = frame.ours && (1..=pages.saturating_add(1 << 16)).contains(&frame.page);
        if sane && source.read(image, &mut page) && page.iter().any(|byte| *byte != 0) {
            wal.frame(frame.page, 0, &page)?;
        }
    }
    first_page(source, &mut page);
    wal.frame(1, pages, &page)?;
    wal.finish()?;
    Ok(view)
}

fn first_page_is_sane(source: &Source) -> bool {
    let mut page = vec![0; source.page_size];
    let mut right = vec![0; source.page_size];
    source.read(source.version(1, source.wal.last_commit), &mut page);
    first_page(source, &mut right);
    page == right
}

/// The newest page 1 that begins as a database does; and what is the same in every database of ours is put right in it.
fn first_page(source: &Source, page: &mut [u8]) {
    let last = source.wal.last_commit;
    let newest = source.version(1, last);
    let older: Vec<usize> = source.frames_of(1).filter(|frame| *frame <= last).collect();
    let all = older.into_iter().rev().chain([0]).map(|frame| Image { page: 1, frame });
    let is_page = |page: &[u8]| matches!(page[100], 0x05 | 0x0d);
    let best = all.into_iter().find(|image| source.read(*image, page) && is_page(page));
    source.read(best.unwrap_or(newest), page);
    page[..16].copy_from_slice(b"SQLite format 3\0");
    let size = if source.page_size == 65536 { 1 } else { source.page_size as u16 };
    page[16..18].copy_from_slice(&size.to_be_bytes());
    // WAL, written and read; no reserved bytes; the fractions that have only one value.
    page[18..24].copy_from_slice(&[2, 2, 0, 64, 32, 32]);
    // Format of the schema, and UTF-8.
    page[44..48].copy_from_slice(&4u32.to_be_bytes());
    page[56..60].copy_from_slice(&1u32.to_be_bytes());
    // No auto-vacuum.
    page[52..56].fill(0);
    page[64..68].fill(0);
}
