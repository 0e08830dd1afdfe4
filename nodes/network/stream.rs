//! TCP connections, with TLS or without, and sockets that listen.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::connector::{ConnectorHost, DynResource};
use crate::error::NodeError;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
pub type BoxedStream = Box<dyn Stream>;

pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BACKLOG: u32 = 128;

/// The TLS settings that a node names.
#[derive(Clone, Default)]
pub struct Tls(Option<Arc<dyn DynResource>>);

impl Tls {
    pub fn find(host: &dyn ConnectorHost, id: &str) -> Result<Tls, NodeError> {
        if id.is_empty() {
            return Ok(Tls(None));
        }
        let lent = host.resource(id).ok_or_else(|| {
            NodeError::config("/tls", format!("the TLS settings {id} are not there, or they are wrong"))
        })?;
        let tls = Tls(Some(lent));
        tls.check()?;
        Ok(tls)
    }

    #[cfg(feature = "tls")]
    fn settings(&self) -> Result<Option<&crate::tls::TlsSettings>, NodeError> {
        let Some(lent) = &self.0 else { return Ok(None) };
        let settings = lent.as_any().downcast_ref();
        settings.map(Some).ok_or_else(|| NodeError::config("/tls", "it is no tls-config"))
    }

    #[cfg(feature = "tls")]
    fn check(&self) -> Result<(), NodeError> {
        self.settings().map(|_| ())
    }

    #[cfg(not(feature = "tls"))]
    fn check(&self) -> Result<(), NodeError> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err(NodeError::config("/tls", "this gateway is built without TLS")),
        }
    }

    #[cfg(feature = "tls")]
    async fn join(&self, host: &str, stream: TcpStream) -> Result<BoxedStream, NodeError> {
        let Some(settings) = self.settings()? else { return Ok(Box::new(stream)) };
        let connector = tokio_rustls::TlsConnector::from(Arc::new(settings.client()?));
        let name = settings.server_name(host)?;
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| NodeError::disconnected(crate::tls::explain(&error)))?;
        Ok(Box::new(stream))
    }

    #[cfg(not(feature = "tls"))]
    async fn join(&self, _host: &str, stream: TcpStream) -> Result<BoxedStream, NodeError> {
        Ok(Box::new(stream))
    }

    /// What answers clients. The certificates are read here, once, while it listens.
    #[cfg(feature = "tls")]
    pub fn acceptor(&self) -> Result<Acceptor, NodeError> {
        let Some(settings) = self.settings()? else { return Ok(Acceptor(None)) };
        Ok(Acceptor(Some(tokio_rustls::TlsAcceptor::from(Arc::new(settings.server()?)))))
    }

    #[cfg(not(feature = "tls"))]
    pub fn acceptor(&self) -> Result<Acceptor, NodeError> {
        Ok(Acceptor)
    }
}

#[cfg(feature = "tls")]
#[derive(Clone)]
pub struct Acceptor(Option<tokio_rustls::TlsAcceptor>);

#[cfg(not(feature = "tls"))]
#[derive(Clone)]
pub struct Acceptor;

impl Acceptor {
    pub async fn accept(&self, stream: TcpStream) -> Result<BoxedStream, String> {
        #[cfg(feature = "tls")]
        if let Some(acceptor) = &self.0 {
            let handshake = tokio::time::timeout(CONNECT_TIMEOUT, acceptor.accept(stream)).await;
            let stream = handshake.map_err(|_| "the TLS handshake takes too long".to_string())?;
            let stream = stream.map_err(|error| format!("no TLS: {}", crate::tls::explain(&error)))?;
            return Ok(Box::new(stream));
        }
        Ok(Box::new(stream))
    }
}

/// Connects. The error says why it cannot.
pub async fn connect(host: &str, port: u16, tls: &Tls) -> Result<BoxedStream, NodeError> {
    let failed = |why: &dyn std::fmt::Display| {
        NodeError::disconnected(format!("cannot connect to {}: {why}", place(host, port)))
    };
    let connecting = async {
        let stream = connect_tcp(host, port).await.map_err(|error| failed(&error))?;
        match tls.join(host, stream).await {
            Err(NodeError::Disconnected(why)) => Err(failed(&why)),
            joined => joined,
        }
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(failed(&format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
    }
}

async fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|error| io::Error::other(format!("unknown host ({error})")))?;
    let mut last = io::Error::other("unknown host");
    for address in found {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let connected = async {
            let socket = socket?;
            socket.set_keepalive(true)?;
            let stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        match connected.await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Listens on all addresses of this machine, as Node-RED does.
pub fn listen(port: u16) -> Result<TcpListener, NodeError> {
    let bind = |socket: io::Result<TcpSocket>, address: SocketAddr| {
        let socket = socket?;
        socket.set_reuseaddr(true)?;
        // Those that are accepted have it from here.
        socket.set_keepalive(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let both = bind(TcpSocket::new_v6(), (Ipv6Addr::UNSPECIFIED, port).into());
    let bound = match both {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind(TcpSocket::new_v4(), (Ipv4Addr::UNSPECIFIED, port).into())
        }
        both => both,
    };
    bound.map_err(|error| {
        NodeError::disconnected(format!("unable to listen on port {port}: {error}{}", hint(&error)))
    })
}

/// What to do about a port that cannot be had.
pub fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another node or program has it: use another port",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: use one above",
        _ => "",
    }
}

pub fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
