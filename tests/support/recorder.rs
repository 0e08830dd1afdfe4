//! A VFS of SQLite that hands everything on to the one of the system, and writes down what happens to the databases,
//! WALs and journals of the directories that are recorded. It makes itself the default of the process, so the program
//! under test opens its databases as it always does. What is not recorded passes through.
//!
//! Recorded files are never synced in truth: the crash is computed, not suffered, and a test with thousands of commits
//! need not wait for a disk.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use rusqlite::ffi;

use super::faults::Op;
use super::recording::{Event, File, Shared};

/// For `Connection::open_with_flags_and_vfs`, where it shall be named.
pub const NAME: &CStr = c"recorder";
/// The VFS that does the work.
const SYSTEM: &CStr = c"unix";

/// An open file as SQLite sees it. SQLite allots the memory: this, and right behind it the file of the system's VFS.
#[repr(C)]
struct Handle {
    // First, so that a pointer to one is a pointer to the other.
    base: ffi::sqlite3_file,
    /// From a `Box`; null where nothing is recorded.
    recorded: *mut Recorded,
}

struct Recorded {
    shared: Arc<Shared>,
    file: File,
    /// SQLite syncs the directory at the first sync of a WAL or a journal that it opened to create.
    directory_is_due: bool,
}

/// Makes it the default VFS. Databases that are open already stay with theirs.
pub fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: SQLite finds its own VFS, or null. The copy has its functions, which take all that they need from
        // `pAppData`, copied too, and not from the address of the VFS. It is leaked: SQLite keeps the pointer for ever.
        unsafe {
            let system = system();
            let vfs = Box::leak(Box::new(*system));
            vfs.zName = NAME.as_ptr();
            vfs.szOsFile += c_int::try_from(size_of::<Handle>()).expect("a few bytes");
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            assert_eq!(ffi::sqlite3_vfs_register(vfs, 1), ffi::SQLITE_OK, "SQLite takes another VFS");
        }
    });
}

fn system() -> *mut ffi::sqlite3_vfs {
    // SAFETY: the name ends in a zero. The VFS of the system is static, and never unregistered.
    let vfs = unsafe { ffi::sqlite3_vfs_find(SYSTEM.as_ptr()) };
    assert!(!vfs.is_null(), "SQLite has no VFS {SYSTEM:?}");
    vfs
}

/// SAFETY: `file` is one that `open` below has set up, or is about to: with room for the system's file behind the handle.
unsafe fn inner(file: *mut ffi::sqlite3_file) -> *mut ffi::sqlite3_file {
    unsafe { file.cast::<Handle>().add(1).cast() }
}

/// SAFETY: as `inner`, and the system's file is open.
unsafe fn methods(file: *mut ffi::sqlite3_file) -> &'static ffi::sqlite3_io_methods {
    // The tables of the system's VFS are static.
    unsafe { &*(*inner(file)).pMethods }
}

/// SAFETY: as `inner`, and SQLite uses a file from one thread at a time only.
unsafe fn recorded<'a>(file: *mut ffi::sqlite3_file) -> Option<&'a mut Recorded> {
    unsafe { (*file.cast::<Handle>()).recorded.as_mut() }
}

/// SAFETY: `name` is null or ends in a zero, and outlives the result.
unsafe fn path<'a>(name: *const c_char) -> Option<&'a Path> {
    let name = unsafe { name.as_ref().map(|name| CStr::from_ptr(name)) }?;
    Some(Path::new(OsStr::from_bytes(name.to_bytes())))
}

// SAFETY of all that follow: SQLite calls them, with what its documentation of a VFS promises.

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    const WITH_DIRECTORY: c_int =
        ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    unsafe {
        let handle = file.cast::<Handle>();
        (*handle).recorded = std::ptr::null_mut();
        // SQLite calls `close` where this is not null, whatever is returned.
        (*handle).base.pMethods = std::ptr::null();
        let lasting = flags & (WITH_DIRECTORY | ffi::SQLITE_OPEN_MAIN_DB) != 0;
        let place: Option<(Arc<Shared>, PathBuf)> = path(name).filter(|_| lasting).and_then(Shared::of);
        // Opening may create: nothing else happens in this directory until it is written down.
        let log = place.as_ref().map(|(shared, _)| shared.log());
        let code = (*system()).xOpen.expect("it opens")(system(), name, inner(file), flags, out);
        if !(*inner(file)).pMethods.is_null() {
            assert!(methods(file).iVersion >= 3, "the system's VFS has all methods");
            (*handle).base.pMethods = &METHODS;
        }
        if code != ffi::SQLITE_OK {
            return code;
        }
        let number = log.zip(place.as_ref()).map(|(mut log, (_, name))| log.opened(name));
        if let Some(((shared, _), file)) = place.zip(number) {
            let directory_is_due = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & WITH_DIRECTORY != 0;
            (*handle).recorded = Box::into_raw(Box::new(Recorded { shared, file, directory_is_due }));
        }
        code
    }
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    unsafe {
        let system_delete = (*system()).xDelete.expect("it deletes");
        let Some((shared, place)) = path(name).and_then(Shared::of) else {
            return system_delete(system(), name, sync);
        };
        let mut log = shared.log();
        let code = system_delete(system(), name, 0);
        if code == ffi::SQLITE_OK {
            log.deleted(&place, sync != 0 && shared.believes_syncs());
        }
        code
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    unsafe {
        let recorded = std::mem::replace(&mut (*file.cast::<Handle>()).recorded, std::ptr::null_mut());
        if !recorded.is_null() {
            drop(Box::from_raw(recorded));
        }
        methods(file).xClose.expect("it closes")(inner(file))
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    unsafe {
        let system_write = methods(file).xWrite.expect("it writes");
        let Some(recorded) = recorded(file) else {
            return system_write(inner(file), from, length, offset);
        };
        if let Some(code) = recorded.shared.faults.meet(Op::Write) {
            return code;
        }
        let mut log = recorded.shared.log();
        let code = system_write(inner(file), from, length, offset);
        if code == ffi::SQLITE_OK {
            let bytes =
                std::slice::from_raw_parts(from.cast::<u8>(), length.unsigned_abs() as usize).to_vec();
            log.push(Event::Write { file: recorded.file, offset: offset.unsigned_abs(), bytes });
        }
        code
    }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    unsafe {
        match recorded(file).and_then(|recorded| recorded.shared.faults.meet(Op::Read)) {
            Some(code) => code,
            None => methods(file).xRead.expect("it reads")(inner(file), into, length, offset),
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    unsafe { resizing(file, || methods(file).xTruncate.expect("it truncates")(inner(file), size)) }
}

/// A hint of its later size can make a file larger.
unsafe extern "C" fn control(file: *mut ffi::sqlite3_file, what: c_int, argument: *mut c_void) -> c_int {
    unsafe {
        resizing(file, || methods(file).xFileControl.expect("it has controls")(inner(file), what, argument))
    }
}

unsafe fn resizing(file: *mut ffi::sqlite3_file, change: impl FnOnce() -> c_int) -> c_int {
    unsafe {
        let Some(recorded) = recorded(file) else { return change() };
        let size = || {
            let mut size = 0;
            let code = methods(file).xFileSize.expect("it has a size")(inner(file), &mut size);
            (code == ffi::SQLITE_OK).then_some(size)
        };
        let mut log = recorded.shared.log();
        let before = size();
        let code = change();
        match size() {
            Some(after) if before != Some(after) => {
                log.push(Event::Resize { file: recorded.file, size: after.unsigned_abs() });
            }
            _ => (),
        }
        code
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    unsafe {
        let Some(recorded) = recorded(file) else {
            return methods(file).xSync.expect("it syncs")(inner(file), flags);
        };
        if let Some(code) = recorded.shared.faults.meet(Op::Sync) {
            return code;
        }
        if recorded.shared.believes_syncs() {
            let directory = std::mem::take(&mut recorded.directory_is_due);
            recorded.shared.log().push(Event::Sync { file: recorded.file, directory });
        }
        ffi::SQLITE_OK
    }
}

/// Methods that are handed on as they are.
macro_rules! hand_on {
    ($($name:ident: $method:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(unsafe extern "C" fn $name(file: *mut ffi::sqlite3_file $(, $argument: $type)*) -> $result {
            unsafe { methods(file).$method.expect("the system has it")(inner(file) $(, $argument)*) }
        })*
    };
}

hand_on! {
    file_size: xFileSize(size: *mut i64) -> c_int;
    lock: xLock(level: c_int) -> c_int;
    unlock: xUnlock(level: c_int) -> c_int;
    check_reserved_lock: xCheckReservedLock(result: *mut c_int) -> c_int;
    sector_size: xSectorSize() -> c_int;
    device_characteristics: xDeviceCharacteristics() -> c_int;
    shm_map: xShmMap(page: c_int, size: c_int, extend: c_int, result: *mut *mut c_void) -> c_int;
    shm_lock: xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier: xShmBarrier() -> ();
    shm_unmap: xShmUnmap(delete: c_int) -> c_int;
    fetch: xFetch(offset: i64, length: c_int, result: *mut *mut c_void) -> c_int;
    unfetch: xUnfetch(offset: i64, page: *mut c_void) -> c_int;
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 3,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: Some(fetch),
    xUnfetch: Some(unfetch),
};
