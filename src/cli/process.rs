//! What a gateway asks of the system for its own process, and what it knows of the machine.

use crate::remote::is_name;

/// Each connection is an open file, and many systems allow 1,024 of them unless a program asks for what it may have.
pub fn more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    // It goes on with what it has.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits });
}

/// The memory of a gateway holds passwords, and a core dump would put them on the disk.
pub fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Where it may not be changed it is another's to say.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Ids of messages must differ from one start to the next.
pub fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// What this machine is called, as far as it can be the name of a gateway.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let fine = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().map(fine).take(64).collect();
    if is_name(&name) { name } else { "gateway".to_string() }
}
