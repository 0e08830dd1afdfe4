//! The command's end of the socket; and the way without one, when no gateway runs.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{LONGEST_LINE, PATIENCE, Request, address};
use crate::store::admin::Progress;
use crate::store::{Options, Store, StoreError};

/// Asks the gateway that runs on this data directory. `None`: none does.
pub fn ask(directory: &Path, request: &Request, progress: Progress<'_>) -> Result<Option<Json>, StoreError> {
    let failed = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "it belongs to another user; run the command as the gateway's user, or as root".to_string()
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("it did not answer within {} s", PATIENCE.as_secs())
            }
            _ => error.to_string(),
        };
        StoreError::Directory(format!("the gateway of {} cannot be asked: {why}", directory.display()))
    };
    let stream = match address(directory).and_then(|(path, _directory)| UnixStream::connect(path)) {
        Ok(stream) => stream,
        // No socket, or one that a killed gateway left.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut line = serde_json::to_string(request)
        .map_err(|error| StoreError::Mistake(format!("a request cannot be written: {error}")))?;
    line.push('\n');
    if line.len() > LONGEST_LINE {
        return Err(StoreError::Refused(format!(
            "this is too much to ask for at once: {} bytes, and {LONGEST_LINE} is the most",
            line.len()
        )));
    }
    (&stream).write_all(line.as_bytes()).map_err(failed)?;
    let mut reader = BufReader::new(&stream);
    loop {
        let mut line = Vec::new();
        (&mut reader).take(LONGEST_LINE as u64).read_until(b'\n', &mut line).map_err(failed)?;
        if line.is_empty() {
            return Err(failed(io::Error::other(
                "it went away before it was done; what it did so far is done",
            )));
        }
        let answer: Json = serde_json::from_slice(&line).map_err(|error| failed(error.into()))?;
        if let Some(result) = answer.get("result") {
            return Ok(Some(result.clone()));
        }
        if let Some(done) = answer.get("progress").and_then(Json::as_u64) {
            if progress(done) == ControlFlow::Break(()) {
                // It sees that nobody listens, and stops.
                return Err(StoreError::Refused("stopped; what was done so far is done".to_string()));
            }
            continue;
        }
        let text = answer.get("error").and_then(Json::as_str).unwrap_or("it gave no answer");
        return Err(StoreError::Refused(text.to_string()));
    }
}

/// The way to a store for as long as a command needs it: its gateway when one runs, else the store itself.
pub enum Session {
    Gateway(PathBuf),
    Own(Box<Store>),
}

impl Session {
    pub fn open(directory: &Path) -> Result<Session, StoreError> {
        let connected = address(directory).and_then(|(path, _directory)| UnixStream::connect(path));
        if connected.is_ok() {
            return Ok(Session::Gateway(directory.to_path_buf()));
        }
        // Opened with the safest settings: what a person asks for is done when the command ends.
        Ok(Session::Own(Box::new(Store::open(directory, Options::default())?)))
    }

    pub fn perform(&self, request: &Request, progress: Progress<'_>) -> Result<Json, StoreError> {
        match self {
            Session::Gateway(directory) => ask(directory, request, progress)?.ok_or_else(|| {
                StoreError::Refused("the gateway stopped meanwhile; what was done so far is done".to_string())
            }),
            Session::Own(store) => request.perform(store, progress),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Session::Own(store) = self {
            store.close();
        }
    }
}

/// Has one thing done to the store of a data directory.
pub fn perform(directory: &Path, request: &Request, progress: Progress<'_>) -> Result<Json, StoreError> {
    Session::open(directory)?.perform(request, progress)
}
