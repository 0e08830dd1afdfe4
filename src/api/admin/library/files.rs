//! Files below one folder, whatever a path says: each step is opened from the one before, and a link is not followed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path as Directory, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

const LONGEST_NAME: usize = 128;
const DEEPEST: usize = 8;
/// All of the library.
const MOST_FILES: usize = 5_000;
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Of one file, when it is read: what somebody has put there by hand is not trusted either.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Of each file in a listing.
const HEAD: u64 = 4 * 1024;

/// A place in the library: it cannot lead out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// The kind of entry, and its name with folders in front of it; without a name it is all of the kind.
    pub fn new(kind: &str, path: &str) -> Result<Path, String> {
        let parts: Vec<&str> = match path {
            "" => vec![kind],
            path => std::iter::once(kind).chain(path.split('/')).collect(),
        };
        if parts.len() > DEEPEST {
            return Err(format!("the library is at most {DEEPEST} folders deep"));
        }
        for part in &parts {
            if !(1..=LONGEST_NAME).contains(&part.len()) {
                return Err(format!("a name in the library has 1 to {LONGEST_NAME} bytes"));
            }
            if part.starts_with('.') || part.contains(['\\', '/']) || part.contains(char::is_control) {
                let text = "a name in the library does not begin with a dot, and has no backslash or control character";
                return Err(text.to_string());
            }
        }
        Ok(Path(parts.into_iter().map(ToString::to_string).collect()))
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// With the beginning of each file.
    Folder {
        folders: Vec<String>,
        files: Vec<(String, String)>,
    },
    File(String),
}

#[derive(Debug)]
pub enum Failure {
    Full(String),
    /// A file where a folder is meant, or the other way round, or a link.
    InTheWay(String),
    Io(io::Error),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        match errno {
            Errno::LOOP | Errno::NOTDIR | Errno::ISDIR => {
                Failure::InTheWay("something else is there: a file, a folder or a link".to_string())
            }
            other => Failure::Io(other.into()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

pub struct Files {
    root: PathBuf,
}

impl Files {
    /// Those of a data directory.
    pub fn of(data: &Directory) -> Files {
        Files { root: data.join("lib") }
    }

    /// `None` where there is nothing.
    pub fn read(&self, path: &Path) -> Result<Option<Entry>, Failure> {
        let found = self.open(path, false);
        match found {
            Ok((folder, name)) => match openat(&folder, &name, OFlags::RDONLY | SAFE, Mode::empty()) {
                Ok(entry) => look(entry).map(Some),
                Err(Errno::NOENT) => Ok(None),
                Err(errno) => Err(errno.into()),
            },
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Writes a file whole, or not at all.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        self.has_room(bytes.len() as u64)?;
        let (folder, name) = self.open(path, true)?;
        match statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
                return Err(Errno::ISDIR.into());
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        // Of this process and moment: nobody else writes it.
        let new = format!(".new-{}-{:?}", std::process::id(), std::thread::current().id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | SAFE;
        let file = openat(&folder, &new, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let renamed =
            written.map_err(Failure::from).and_then(|()| Ok(renameat(&folder, &new, &folder, &name)?));
        if renamed.is_err() {
            // What is left of it takes room only.
            let _ = unlinkat(&folder, &new, AtFlags::empty());
        }
        renamed?;
        Ok(File::from(folder).sync_all()?)
    }

    /// The folder that a place is in, and its name there.
    fn open(&self, path: &Path, make: bool) -> Result<(OwnedFd, String), Errno> {
        if make {
            made(mkdirat(CWD, &self.root, PRIVATE))?;
        }
        let mut folder = openat(CWD, &self.root, OFlags::RDONLY | OFlags::DIRECTORY | SAFE, Mode::empty())?;
        let Some((name, above)) = path.0.split_last() else { return Err(Errno::INVAL) };
        for part in above {
            if make {
                made(mkdirat(&folder, part, PRIVATE))?;
            }
            folder = openat(&folder, part, OFlags::RDONLY | OFlags::DIRECTORY | SAFE, Mode::empty())?;
        }
        Ok((folder, name.clone()))
    }

    fn has_room(&self, more: u64) -> Result<(), Failure> {
        let mut sum = (0, more);
        match openat(CWD, &self.root, OFlags::RDONLY | OFlags::DIRECTORY | SAFE, Mode::empty()) {
            Ok(root) => add_up(&root, DEEPEST, &mut sum)?,
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        match sum.0 >= MOST_FILES || sum.1 > MOST_BYTES {
            true => Err(Failure::Full(format!(
                "the library is full: it has at most {MOST_FILES} entries and {} MiB; delete some in lib of the data \
                 directory",
                MOST_BYTES / (1024 * 1024)
            ))),
            false => Ok(()),
        }
    }
}

/// No link at the last step, and nothing that is waited for, such as a pipe.
const SAFE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);
const PRIVATE: Mode = Mode::RWXU;

fn made(made: Result<(), Errno>) -> Result<(), Errno> {
    match made {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

fn look(entry: OwnedFd) -> Result<Entry, Failure> {
    let stat = rustix::fs::fstat(&entry)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Entry::File(beginning(entry, LARGEST)?)),
        FileType::Directory => {
            let (mut folders, mut files) = (Vec::new(), Vec::new());
            for (name, kind) in names(&entry)? {
                match kind {
                    FileType::Directory => folders.push(name),
                    FileType::RegularFile => {
                        let file = openat(&entry, &name, OFlags::RDONLY | SAFE, Mode::empty());
                        // One that goes away meanwhile is not there.
                        let Ok(file) = file else { continue };
                        files.push((name, beginning(file, HEAD)?));
                    }
                    // Links and devices are not part of a library.
                    _ => {}
                }
            }
            folders.sort();
            files.sort();
            Ok(Entry::Folder { folders, files })
        }
        _ => Err(Errno::ISDIR.into()),
    }
}

fn beginning(file: OwnedFd, most: u64) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    File::from(file).take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Those that are shown, and what they are.
fn names(folder: &OwnedFd) -> Result<Vec<(String, FileType)>, Failure> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        // Asked for each: not every file system says it along with the name.
        let Ok(stat) = statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        names.push((name, FileType::from_raw_mode(stat.st_mode)));
        if names.len() >= MOST_FILES {
            break;
        }
    }
    Ok(names)
}

fn add_up(folder: &OwnedFd, deeper: usize, sum: &mut (usize, u64)) -> Result<(), Failure> {
    for (name, kind) in names(folder)? {
        sum.0 += 1;
        match kind {
            FileType::Directory if deeper > 0 && sum.0 < MOST_FILES => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE;
                if let Ok(inner) = openat(folder, &name, flags, Mode::empty()) {
                    add_up(&inner, deeper - 1, sum)?;
                }
            }
            FileType::RegularFile => {
                let size = statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |stat| stat.st_size);
                sum.1 = sum.1.saturating_add(u64::try_from(size).unwrap_or(0));
            }
            // Links and devices hold nothing here, and neither does what is deeper than anything is written.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
