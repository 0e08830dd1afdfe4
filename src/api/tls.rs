//! HTTPS: with a certificate of the owner's, or one that is made at the first start. Files that are replaced count from the
//! next connection on, so that a renewal needs no restart.

mod made;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::tls::{Pem, TlsSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use made::make;

/// A client that does not get through its handshake by then is cut.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The files are looked at for a change at most so often.
const LOOKED_AT: Duration = Duration::from_secs(5);
/// What a TLS connection begins with; HTTP begins with a letter.
const HELLO: u8 = 0x16;
const NOT_ENCRYPTED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 51\r\n\
    connection: close\r\n\r\nthis port is encrypted: ask with https:// instead\r\n";

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

pub struct Tls {
    files: Files,
    state: Mutex<State>,
}

struct State {
    /// Nothing while the files cannot be used: then nobody is let in.
    acceptor: Option<TlsAcceptor>,
    stands: Stands,
    looked: Instant,
}

/// When each file was written, and how long it is.
type Stands = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// Files that cannot be used are told, and do not keep flows from running.
    pub fn new(files: Files) -> Tls {
        let stands = stand(&files);
        let acceptor = read(&files)
            .map_err(|error| tracing::error!("HTTPS is off until its files can be used: {error}"))
            .ok();
        Tls { files, state: Mutex::new(State { acceptor, stands, looked: Instant::now() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files again when they have changed. It may wait for the disk.
    pub fn renew(&self) {
        let now = stand(&self.files);
        let is_changed = self.lock().stands != now;
        if !is_changed && self.lock().acceptor.is_some() {
            return;
        }
        let read = read(&self.files);
        let mut state = self.lock();
        state.stands = now;
        match read {
            Ok(acceptor) => {
                state.acceptor = Some(acceptor);
                tracing::info!("HTTPS has the certificate that {} has now", self.files.certificate.display());
            }
            // Said once for each change. The one before goes on, where there is one.
            Err(error) if is_changed => tracing::error!("the new certificate cannot be used: {error}"),
            Err(_) => {}
        }
    }

    /// Takes a client in.
    pub async fn accept(self: &Arc<Self>, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        if self.is_time_to_look() {
            let tls = self.clone();
            // A change that is not seen this time is seen the next time.
            let _ = tokio::task::spawn_blocking(move || tls.renew()).await;
        }
        let acceptor = self.lock().acceptor.clone()?;
        let handshake = async {
            let mut first = [0];
            if stream.peek(&mut first).await.ok()? == 1 && first[0] != HELLO {
                refuse(&mut stream).await;
                return None;
            }
            match acceptor.accept(stream).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tracing::debug!("no TLS: {error}");
                    None
                }
            }
        };
        tokio::time::timeout(HANDSHAKE, handshake).await.ok().flatten()
    }

    fn is_time_to_look(&self) -> bool {
        let mut state = self.lock();
        let is_time = state.looked.elapsed() >= LOOKED_AT;
        if is_time {
            state.looked = Instant::now();
        }
        is_time
    }
}

/// Somebody speaks HTTP here: that is answered in the same words.
async fn refuse(stream: &mut TcpStream) {
    if stream.write_all(NOT_ENCRYPTED).await.is_ok() && stream.shutdown().await.is_ok() {
        // Closing over what it still says would take the answer away.
        let mut scrap = [0; 4096];
        while stream.read(&mut scrap).await.is_ok_and(|read| read > 0) {}
    }
}

fn stand(files: &Files) -> Stands {
    [&files.certificate, &files.key].map(|path| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.modified().ok()?, about.len()))
    })
}

fn read(files: &Files) -> Result<TlsAcceptor, NodeError> {
    let file = |path: &PathBuf| Pem::File(path.to_string_lossy().into_owned());
    let settings = TlsSettings {
        certificate: file(&files.certificate),
        key: file(&files.key),
        alpn: Some("http/1.1".to_string()),
        ..TlsSettings::default()
    };
    Ok(TlsAcceptor::from(Arc::new(settings.server()?)))
}
