//! What SQLite did to the files of one directory, in one order over all of them: what `recorder.rs` writes down and
//! `images.rs` makes the possible leftovers of a crash from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::faults::Faults;

/// The contents of a directory: by name within it.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A file itself, whatever it is called: a file that is deleted and made anew is another one.
pub type File = usize;

#[derive(Debug, Clone)]
pub enum Event {
    /// The name stands for this new file from now on.
    Create {
        name: PathBuf,
        file: File,
    },
    /// `synced`: the directory was synced at once, so it stays deleted.
    Delete {
        name: PathBuf,
        synced: bool,
    },
    Write {
        file: File,
        offset: u64,
        bytes: Vec<u8>,
    },
    /// Cut off, or grown by zeros.
    Resize {
        file: File,
        size: u64,
    },
    /// `directory`: its directory was synced with it, so all names in it are there to stay.
    Sync {
        file: File,
        directory: bool,
    },
    /// Something that the test knows has happened by now: "batch 17 is acknowledged".
    Mark(u64),
}

/// All that happened, and what was there before: to be looked at after the recording.
pub struct Tape {
    /// What stood in the directory at the start, safely. Its files have the first numbers, in order of their names.
    pub base: Files,
    pub events: Vec<Event>,
}

/// Which syncs the recording believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    Honest,
    /// Each sync reports success and nothing is written down: a disk that lies, for tests of the tests.
    Swallowed,
}

/// A directory that is being recorded. Ends when it is stopped or dropped.
pub struct Recording {
    shared: Arc<Shared>,
}

/// Sets marks in a recording, as long as it runs.
#[derive(Clone)]
pub struct Marker(Arc<Shared>);

/// What the open files of a recording share with it.
pub struct Shared {
    directory: PathBuf,
    syncs: Syncs,
    log: Mutex<Log>,
    pub faults: Faults,
}

/// Held while a file is changed, so that the order written down is the order in which it happened.
pub struct Log {
    base: Files,
    names: BTreeMap<PathBuf, File>,
    files: usize,
    events: Vec<Event>,
    /// Files may be open beyond the end of the recording.
    stopped: bool,
}

/// The recordings that run in this process: tests run side by side, each in a directory of its own.
static RUNNING: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panics must not take the others with it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    /// Records what SQLite does in a directory from now on. None of its databases may be open.
    pub fn start(directory: &Path, syncs: Syncs) -> Recording {
        super::recorder::register();
        // SQLite resolves symbolic links in the names that it hands down.
        let directory = directory.canonicalize().expect("the directory is there");
        let base = read_files(&directory);
        let names: BTreeMap<_, _> = base.keys().cloned().zip(0..).collect();
        let log = Log { files: names.len(), base, names, events: Vec::new(), stopped: false };
        let shared = Arc::new(Shared { directory, syncs, log: Mutex::new(log), faults: Faults::default() });
        lock(&RUNNING).push(shared.clone());
        Recording { shared }
    }

    pub fn mark(&self, what: u64) {
        self.marker().mark(what);
    }

    /// What goes wrong with its files.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// For threads that tell what they know.
    pub fn marker(&self) -> Marker {
        Marker(self.shared.clone())
    }

    /// Ends it. Databases may still be open, as they are in a crash.
    pub fn stop(self) -> Tape {
        let mut log = self.shared.log();
        log.stopped = true;
        Tape { base: std::mem::take(&mut log.base), events: std::mem::take(&mut log.events) }
    }
}

impl Marker {
    pub fn mark(&self, what: u64) {
        self.0.log().push(Event::Mark(what));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.shared.log().stopped = true;
        lock(&RUNNING).retain(|other| !Arc::ptr_eq(other, &self.shared));
    }
}

impl Shared {
    /// The recording that this path belongs to, and its name there.
    pub fn of(path: &Path) -> Option<(Arc<Shared>, PathBuf)> {
        lock(&RUNNING).iter().find_map(|shared| {
            let name = path.strip_prefix(&shared.directory).ok()?;
            Some((shared.clone(), name.to_owned()))
        })
    }

    pub fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    pub fn believes_syncs(&self) -> bool {
        self.syncs == Syncs::Honest
    }
}

impl Log {
    pub fn push(&mut self, event: Event) {
        if !self.stopped {
            self.events.push(event);
        }
    }

    /// A file was opened; one that was not there is new.
    pub fn opened(&mut self, name: &Path) -> File {
        if let Some(file) = self.names.get(name) {
            return *file;
        }
        let file = self.files;
        self.files += 1;
        self.names.insert(name.to_owned(), file);
        self.push(Event::Create { name: name.to_owned(), file });
        file
    }

    pub fn deleted(&mut self, name: &Path, synced: bool) {
        self.names.remove(name);
        self.push(Event::Delete { name: name.to_owned(), synced });
    }
}

/// The contents of a directory, without the shared memory of SQLite, which does not outlive its processes.
pub fn read_files(directory: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a directory that can be read") {
            let path = entry.expect("an entry that can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().ends_with("-shm") {
                let name = path.strip_prefix(directory).expect("it was found there").to_owned();
                files.insert(name, std::fs::read(&path).expect("a file that can be read"));
            }
        }
    }
    files
}

pub fn write_files(files: &Files, directory: &Path) {
    for (name, bytes) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("it has the directory above it"))
            .expect("a folder can be made");
        std::fs::write(path, bytes).expect("a file can be written");
    }
}
