//! The way to a server: TCP, through a proxy where there is one, TLS where the URL says so.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::exchange::Failure;
use super::proxy::Proxy;
use crate::web::BoxedStream;

/// What a proxy says before the connection stands is not longer.
const LONGEST_GREETING: usize = 16 * 1024;

/// How servers are reached.
#[derive(Clone)]
pub struct Way {
    pub tls: Arc<ClientConfig>,
    /// Another name for the server's certificate.
    pub server_name: Option<String>,
    pub proxy: Option<Arc<Proxy>>,
}

pub async fn connect(url: &Url, way: &Way) -> Result<BoxedStream, Failure> {
    let (host, port) = place(url);
    let stream: BoxedStream = match way.proxy.as_deref().filter(|proxy| proxy.is_for(url)) {
        None => Box::new(tcp(&host, port).await?),
        Some(proxy) => {
            let (proxy_host, proxy_port) = place(&proxy.url);
            let tcp = tcp(&proxy_host, proxy_port).await?;
            let mut stream: BoxedStream = match proxy.url.scheme() {
                "https" => join(Box::new(tcp), &proxy_host, &way.tls).await?,
                _ => Box::new(tcp),
            };
            tunnel(&mut stream, url, proxy).await?;
            stream
        }
    };
    match url.scheme() {
        "https" | "wss" => join(stream, way.server_name.as_deref().unwrap_or(&host), &way.tls).await,
        _ => Ok(stream),
    }
}

/// Host and port; an IPv6 address without its brackets.
pub fn place(url: &Url) -> (String, u16) {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_string();
    let default = if matches!(url.scheme(), "https" | "wss") { 443 } else { 80 };
    (host, url.port().unwrap_or(default))
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
    let mut last = Failure::new("ENOTFOUND", format!("getaddrinfo ENOTFOUND {host}"));
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it only small requests are slower.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                let code = code(&error);
                last = Failure::new(code, format!("connect {code} {address}"));
            }
        }
    }
    Err(last)
}

/// As Node.js names what goes wrong with a connection.
pub fn code(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionRefused => "ECONNREFUSED",
        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => "ECONNRESET",
        ErrorKind::BrokenPipe => "EPIPE",
        ErrorKind::TimedOut => "ETIMEDOUT",
        ErrorKind::HostUnreachable => "EHOSTUNREACH",
        ErrorKind::NetworkUnreachable => "ENETUNREACH",
        ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        _ => "EIO",
    }
}

async fn join(stream: BoxedStream, name: &str, tls: &Arc<ClientConfig>) -> Result<BoxedStream, Failure> {
    let server = ServerName::try_from(name.to_string())
        .map_err(|_| Failure::new("ERR_INVALID_URL", format!("{name:?} is no name of a server")))?;
    let joined = TlsConnector::from(tls.clone()).connect(server, stream).await;
    let stream = joined.map_err(|error| {
        use rustls::CertificateError as Wrong;
        let wrong = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let code = match wrong {
            Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
                Wrong::Expired | Wrong::ExpiredContext { .. } => "CERT_HAS_EXPIRED",
                Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "CERT_NOT_YET_VALID",
                Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                    "ERR_TLS_CERT_ALTNAME_INVALID"
                }
                _ => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            },
            Some(_) => "EPROTO",
            None => code(&error),
        };
        Failure::new(code, crate::tls::explain(&error))
    })?;
    Ok(Box::new(stream))
}

async fn tunnel(stream: &mut BoxedStream, url: &Url, proxy: &Proxy) -> Result<(), Failure> {
    let (_, port) = place(url);
    let host = url.host_str().unwrap_or_default();
    let authorization = proxy.authorization.as_ref();
    let authorization =
        authorization.map(|text| format!("Proxy-Authorization: {text}\r\n")).unwrap_or_default();
    let asked = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n");
    let failed = |error: io::Error| {
        Failure::new(code(&error), format!("the proxy {}: {error}", proxy.url.host_str().unwrap_or_default()))
    };
    stream.write_all(asked.as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let mut greeting = Vec::new();
    // Byte by byte: what follows belongs to the server.
    while !greeting.ends_with(b"\r\n\r\n") {
        if greeting.len() > LONGEST_GREETING {
            return Err(Failure::new("EPROTO", "the proxy says too much"));
        }
        greeting.push(stream.read_u8().await.map_err(failed)?);
    }
    let line = String::from_utf8_lossy(&greeting).lines().next().unwrap_or_default().to_string();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if line.starts_with("HTTP/1.") && status.starts_with('2') {
        return Ok(());
    }
    Err(Failure::new("ECONNRESET", format!("the proxy refuses {host}:{port}: {line}")))
}
