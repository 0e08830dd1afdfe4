//! The socket that lapin works on: opened here, with the gateway's own TLS, and cut from here when lapin hangs.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::Tokio;
use async_rs::traits::{Executor, Reactor, RuntimeKit};
use async_rs::util::Task;
use futures_util::Stream;
use futures_util::io::{AsyncRead, AsyncWrite};
use futures_util::task::AtomicWaker;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::address::Address;
use crate::error::NodeError;
use crate::tls::TlsSettings;

trait Wire: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Wire for S {}

pub struct Socket {
    wire: Box<dyn Wire>,
    cut: Arc<Cut>,
}

/// Ends a socket whoever holds it.
#[derive(Default)]
pub struct Cut {
    done: AtomicBool,
    reader: AtomicWaker,
}

impl Cut {
    pub fn cut(&self) {
        self.done.store(true, Ordering::Release);
        self.reader.wake();
    }

    fn check(&self) -> io::Result<()> {
        match self.done.load(Ordering::Acquire) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

/// Connects. The error says at which step it failed.
pub async fn connect(address: &Address, tls: &TlsSettings, cut: Arc<Cut>) -> Result<Socket, NodeError> {
    let failed = |error: io::Error| NodeError::disconnected(format!("cannot connect to {address}: {error}"));
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(failed)?;
    // Small frames leave at once: without it they wait for the other side's acknowledgement.
    tcp.set_nodelay(true).map_err(failed)?;
    if !address.is_tls {
        return Ok(Socket { wire: Box::new(tcp), cut });
    }
    let (config, name) = (tls.client()?, tls.server_name(&address.host)?);
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, tcp).await.map_err(|error| {
        NodeError::disconnected(format!("no TLS with {address}: {}", crate::tls::explain(&error)))
    })?;
    Ok(Socket { wire: Box::new(stream), cut })
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.cut.reader.register(cx.waker());
        self.cut.check()?;
        let mut read = ReadBuf::new(into);
        ready!(tokio::io::AsyncRead::poll_read(Pin::new(&mut *self.wire), cx, &mut read))?;
        Poll::Ready(Ok(read.filled().len()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.cut.check()?;
        tokio::io::AsyncWrite::poll_write(Pin::new(&mut *self.wire), cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        tokio::io::AsyncWrite::poll_flush(Pin::new(&mut *self.wire), cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check()?;
        tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut *self.wire), cx)
    }
}

/// Tokio for lapin, with sockets of ours.
#[derive(Debug, Clone)]
pub struct Kit(Tokio);

impl Kit {
    pub fn current() -> Kit {
        Kit(Tokio::current())
    }
}

impl RuntimeKit for Kit {}

impl Executor for Kit {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        future: F,
    ) -> Task<Self::Task<T>> {
        self.0.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        work: F,
    ) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(work)
    }
}

impl Reactor for Kit {
    type TcpStream = Socket;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Socket, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    /// Not called: sockets are opened before lapin is, see `connect`.
    fn tcp_connect_addr(
        &self,
        _address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
