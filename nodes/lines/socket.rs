//! TCP and Unix sockets behind one face.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, Interest, Ready};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};

use super::address::Address;
use crate::error::NodeError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BACKLOG: u32 = 128;

pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

pub type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
pub type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

impl Stream {
    pub async fn connect(address: &Address) -> Result<Stream, NodeError> {
        let connecting = async {
            match address {
                Address::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    stream.set_nodelay(true)?;
                    Ok(Stream::Tcp(stream))
                }
                Address::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
            }
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(NodeError::disconnected(format!("cannot connect to {address}: {error}"))),
            Err(_) => Err(NodeError::disconnected(format!(
                "cannot connect to {address}: no answer within {} s",
                CONNECT_TIMEOUT.as_secs()
            ))),
        }
    }

    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Stream::Tcp(stream) => stream.ready(interest).await,
            Stream::Unix(stream) => stream.ready(interest).await,
        }
    }

    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_read(buffer),
            Stream::Unix(stream) => stream.try_read(buffer),
        }
    }

    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write(bytes),
            Stream::Unix(stream) => stream.try_write(bytes),
        }
    }

    pub fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Stream::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (Box::new(read), Box::new(write))
            }
            Stream::Unix(stream) => {
                let (read, write) = stream.into_split();
                (Box::new(read), Box::new(write))
            }
        }
    }
}

pub enum Listener {
    Tcp(TcpListener),
    /// With the file, which goes when the listener goes.
    Unix(UnixListener, SocketFile),
}

impl Listener {
    pub async fn bind(address: &Address) -> Result<Listener, NodeError> {
        let bound = match (address.local()?, address) {
            (Some(local), _) => TcpListener::bind(local).await.map(Listener::Tcp),
            (None, Address::Unix(path)) => {
                make_way(path).await?;
                bind_unix(path)
            }
            (None, Address::Tcp { .. }) => Err(io::Error::other("it has no local address")),
        };
        bound.map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::AddrInUse => ": another program has it; stop that one or use another address",
                io::ErrorKind::PermissionDenied => ": the gateway may not; use another path or port",
                io::ErrorKind::NotFound => ": make the folder first",
                _ => "",
            };
            NodeError::disconnected(format!("cannot listen on {address}: {error}{hint}"))
        })
    }

    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Without it only answers are slower.
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream))
            }
            Listener::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }

    /// Where it listens, with the port that the system chose where the configuration has 0.
    pub fn place(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                listener.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string())
            }
            Listener::Unix(_, file) => format!("unix:{}", file.path.display()),
        }
    }
}

/// Removes what a gateway that was killed left behind: a socket at which nobody answers, and nothing else.
async fn make_way(path: &Path) -> Result<(), NodeError> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let place = path.display();
    if !found.file_type().is_socket() {
        let text =
            format!("cannot listen on unix:{place}: there is a file that is no socket; use another path");
        return Err(NodeError::disconnected(text));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| {
                NodeError::disconnected(format!("cannot remove the old socket {place}: {error}"))
            })
        }
        Ok(_) | Err(_) => Err(NodeError::disconnected(format!(
            "cannot listen on unix:{place}: another program listens there; stop that one or use another path"
        ))),
    }
}

/// The rights are set before anybody can connect: a socket that does not listen yet refuses all.
fn bind_unix(path: &Path) -> io::Result<Listener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let made = std::fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_path_buf(), identity: (made.dev(), made.ino()) };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(Listener::Unix(socket.listen(BACKLOG)?, file))
}

pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours {
            // A socket that stays is found and removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
