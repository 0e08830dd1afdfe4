//! The way to a running gateway for its own command line: a socket in the data directory, open to its user alone. Only
//! the gateway writes its store, so what a command wants written it asks for here.
//!
//! ```text
//! {"do":"retry","of":"a1b2"}   ->   {"progress":1000}  ...  {"result":{"messages":1234,"stopped":false}}
//!                                                     or    {"error":"..."}
//! ```
//!
//! One request a line, answers a line each, the last of them a result or an error.

mod client;
mod request;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Session, ask, perform};
pub use request::{Message, Request};
pub use server::{Control, Live};

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The socket in the data directory.
pub const SOCKET: &str = "control.sock";
/// The longest line either side takes: a batch of records to import, or one large record.
const LONGEST_LINE: usize = 8 * 1024 * 1024;
/// How long either side waits for the other. A step of the store has a limit of its own, below this.
const PATIENCE: Duration = Duration::from_secs(60);

/// The address of the socket. An address has room for 107 bytes; a longer path goes by the open directory, which the
/// second value keeps open.
fn address(directory: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = directory.join(SOCKET);
    if path.as_os_str().len() < 108 {
        return Ok((path, None));
    }
    let open = File::open(directory)?;
    Ok((PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd())), Some(open)))
}
