//! Where a broker is: a host and a port, or a URL in place of the host.

use std::fmt;

use crate::error::NodeError;

#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub is_tls: bool,
    pub vhost: String,
}

impl Address {
    pub fn parse(server: &str, port: Option<f64>, use_tls: bool, vhost: &str) -> Result<Address, NodeError> {
        let server = server.trim();
        let port = match port {
            None | Some(0.0) => None,
            Some(port) if (1.0..=65_535.0).contains(&port) && port.fract() == 0.0 => Some(port as u16),
            Some(port) => {
                return Err(NodeError::config("/port", format!("{port} is no port: use 1 to 65535")));
            }
        };
        let mut said_vhost = None;
        let (host, port, is_tls) = match server.split_once("://") {
            None => (server.to_string(), port, use_tls),
            Some((scheme, rest)) => {
                let is_tls = match scheme.to_ascii_lowercase().as_str() {
                    "amqp" => use_tls,
                    "amqps" => true,
                    _ => return Err(NodeError::config("/host", "expected amqp or amqps before ://")),
                };
                let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
                if authority.contains('@') {
                    let text = "a user and a password do not belong into the URL: set them as credentials";
                    return Err(NodeError::config("/host", text));
                }
                said_vhost = path.filter(|path| !path.is_empty()).map(decoded).transpose()?;
                let (host, said) = split_port(authority)?;
                (host, said, is_tls)
            }
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = if host.is_empty() { "localhost" } else { host };
        if host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(NodeError::config("/host", format!("{host:?} is no host name")));
        }
        let vhost = said_vhost.unwrap_or_else(|| if vhost.is_empty() { "/" } else { vhost }.to_string());
        if vhost.len() > 255 {
            return Err(NodeError::config("/vhost", "the name of a virtual host has at most 255 bytes"));
        }
        let usual = if is_tls { 5671 } else { 5672 };
        Ok(Address { host: host.to_string(), port: port.unwrap_or(usual), is_tls, vhost })
    }
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), NodeError> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            let port = port.parse().ok().filter(|port| *port > 0);
            let port = port.ok_or_else(|| NodeError::config("/host", "the port in the URL is no port"))?;
            Ok((host.to_string(), Some(port)))
        }
        _ => Ok((authority.to_string(), None)),
    }
}

/// `%2f` and the like in a URL.
fn decoded(path: &str) -> Result<String, NodeError> {
    let wrong = || NodeError::config("/host", "the virtual host in the URL is not encoded as URLs are");
    let (mut bytes, mut rest) = (Vec::with_capacity(path.len()), path.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(wrong);
        let (high, low) = (digit()?, digit()?);
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "amqps" } else { "amqp" };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(server: &str, port: Option<f64>, tls: bool, vhost: &str) -> (String, String) {
        let address = Address::parse(server, port, tls, vhost).unwrap();
        (address.to_string(), address.vhost)
    }

    #[test]
    fn hosts_and_urls_are_read() {
        let is = |text: &str, vhost: &str| (text.to_string(), vhost.to_string());
        assert_eq!(of("", None, false, ""), is("amqp://localhost:5672", "/"));
        assert_eq!(of("::1", Some(7.0), true, "v"), is("amqps://[::1]:7", "v"));
        assert_eq!(of("rabbit", None, true, ""), is("amqps://rabbit:5671", "/"));
        assert_eq!(of("amqps://h:9/a%2Fb", Some(1.0), false, "v"), is("amqps://h:9", "a/b"));
        assert_eq!(of("amqp://[::1]/", None, false, "v"), is("amqp://[::1]:5672", "v"));
    }

    #[test]
    fn what_is_wrong_is_told_and_a_password_is_not() {
        for server in ["mqtt://h", "amqp://u:secret@h", "a b", "amqp://h:port", "amqp://h/%zz"] {
            let error = Address::parse(server, None, false, "").unwrap_err().to_string();
            assert!(error.starts_with("/host"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(Address::parse("h", Some(70_000.0), false, "").is_err());
    }
}
