//! Small disks: a tmpfs each, in a mount namespace of the test's own. Root may mount there, and where the kernel lets
//! them, others may too, in a user namespace. With the process they are gone, whatever happens.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

const INSIDE: &str = "TIDEGATE_SMALL_DISKS";
const WAYS: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

/// Runs the test of this name again where it can mount, and `body` in there.
pub fn with_small_disks(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let can_mount = |way: &&&[&str]| {
        let mut probe = Command::new("unshare");
        probe.args(**way).args(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]);
        probe.output().is_ok_and(|output| output.status.success())
    };
    let Some(way) = WAYS.iter().find(can_mount) else {
        // Past the test runner, which keeps the words of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "LEFT OUT: {test}: this user cannot mount a small disk here. Run it as root, or allow user namespaces."
        );
        return;
    };
    let mut inside = Command::new("unshare");
    inside.args(*way).arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = inside.env(INSIDE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

pub struct SmallDisk {
    // Unmounted with the namespace; the folder goes when this is dropped, where it is no mount any more.
    folder: tempfile::TempDir,
}

impl SmallDisk {
    pub fn new(megabytes: usize) -> SmallDisk {
        let folder = tempfile::tempdir().unwrap();
        // By system calls, not by the program: a child that is being made holds all locks of this process for a moment.
        let size = CString::new(format!("size={megabytes}m")).unwrap();
        mount("tmpfs", folder.path(), c"tmpfs", MountFlags::empty(), &*size).unwrap();
        SmallDisk { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn read_only(&self, is: bool) {
        let flags = if is { MountFlags::RDONLY } else { MountFlags::empty() };
        mount_remount(self.path(), flags, c"").unwrap();
    }

    /// Takes up all space but so many bytes.
    pub fn fill(&self, but: u64) {
        let mut ballast = OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        while ballast.write_all(&[7; 4096]).is_ok() {}
        let full = ballast.metadata().unwrap().len();
        ballast.set_len(full.saturating_sub(but)).unwrap();
    }

    /// Gives all of it back.
    pub fn empty(&self) {
        File::create(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = unmount(self.path(), UnmountFlags::DETACH);
    }
}
