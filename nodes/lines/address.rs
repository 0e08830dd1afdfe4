//! Where to listen or to connect: `host:port`, or `unix:/path`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::error::NodeError;

const POINTER: &str = "/address";
pub const DEFAULT: &str = "127.0.0.1:4880";
/// What the kernel has room for in the address of a Unix socket.
const LONGEST_PATH: usize = 107;

#[derive(Debug, Clone, PartialEq)]
pub enum Address {
    /// The host without the brackets of IPv6.
    Tcp {
        host: String,
        port: u16,
    },
    Unix(PathBuf),
}

impl Address {
    pub fn parse(text: &str) -> Result<Address, NodeError> {
        let refused = |why: String| NodeError::config(POINTER, why);
        let text = text.trim();
        let text = if text.is_empty() { DEFAULT } else { text };
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                let why = format!("\"{text}\" is no whole path: write unix:/run/tidegate/lines.sock");
                return Err(refused(why));
            }
            if path.len() > LONGEST_PATH {
                let why = format!("the path is too long for a socket: use at most {LONGEST_PATH} bytes");
                return Err(refused(why));
            }
            return Ok(Address::Unix(PathBuf::from(path)));
        }
        let form = || refused(format!("\"{text}\" is no address: write host:port or unix:/path"));
        let (host, port) = text.rsplit_once(':').ok_or_else(form)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        // An IPv6 address without brackets: which colon is the port's cannot be said.
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err(form());
        }
        let port = port.parse().map_err(|_| form())?;
        Ok(Address::Tcp { host: host.to_string(), port })
    }

    /// The address to listen on, where it cannot be reached from outside the board.
    pub fn local(&self) -> Result<Option<SocketAddr>, NodeError> {
        let Address::Tcp { host, port } = self else { return Ok(None) };
        let ip = match host.as_str() {
            "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            host => host.parse::<IpAddr>().ok(),
        };
        match ip {
            Some(ip) if ip.is_loopback() => Ok(Some(SocketAddr::new(ip, *port))),
            _ => Err(NodeError::config(
                POINTER,
                format!(
                    "\"{host}\" can be reached from outside, and nobody is asked who they are: \
                     listen on 127.0.0.1 or unix:/path, and use a tunnel from elsewhere"
                ),
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_can_be_meant() {
        for (text, shown) in [
            ("", "127.0.0.1:4880"),
            (" gateway.local:4880 ", "gateway.local:4880"),
            ("[::1]:9", "[::1]:9"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
        let long = format!("unix:/{}", "x".repeat(107));
        for text in ["4880", ":4880", "::1:4880", "a:b", "a:70000", "unix:a.sock", "[]:1", long.as_str()] {
            let refused = Address::parse(text);
            assert!(
                matches!(&refused, Err(NodeError::Config { pointer, .. }) if pointer == "/address"),
                "{text}"
            );
        }
    }

    #[test]
    fn only_the_board_itself_is_listened_to() {
        for text in ["127.0.0.1:1", "127.3.2.1:1", "[::1]:1", "localhost:1", "unix:/a"] {
            assert!(Address::parse(text).unwrap().local().is_ok(), "{text}");
        }
        for text in ["0.0.0.0:1", "[::]:1", "192.168.1.2:1", "gateway.local:1", "[::ffff:10.0.0.1]:1"] {
            assert!(Address::parse(text).unwrap().local().is_err(), "{text}");
        }
    }
}
