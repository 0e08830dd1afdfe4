//! Where a broker is, as Node-RED's flows write it: a host and a port, or a URL in place of the host.

use std::fmt;

use crate::error::NodeError;

#[derive(Debug, Clone, PartialEq)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub is_tls: bool,
    /// Over WebSocket: the path, with its query.
    pub websocket: Option<String>,
}

impl Address {
    pub fn parse(broker: &str, port: Option<f64>, use_tls: bool) -> Result<Address, NodeError> {
        let broker = broker.trim();
        let wrong = |text: &str| NodeError::config("/broker", format!("{text}: {:?}", without_login(broker)));
        if let Some((scheme, rest)) = broker.split_once("://") {
            let (is_tls, is_websocket, usual) = match scheme.to_ascii_lowercase().as_str() {
                "mqtt" | "tcp" => (false, false, 1883),
                "mqtts" | "ssl" | "tls" => (true, false, 8883),
                "ws" => (false, true, 80),
                "wss" => (true, true, 443),
                _ => return Err(wrong("expected mqtt, mqtts, ws or wss before ://")),
            };
            let (authority, path) = match rest.find('/') {
                Some(at) => rest.split_at(at),
                None => (rest, ""),
            };
            if authority.contains('@') {
                return Err(wrong(
                    "a user and a password do not belong into the URL: set them as credentials",
                ));
            }
            let (host, port) = split_port(authority).map_err(|text| wrong(&text))?;
            let path = if path.is_empty() { "/" } else { path };
            let websocket = is_websocket.then(|| path.to_string());
            return Address::of(
                host,
                port.unwrap_or(usual),
                is_tls || use_tls && scheme == "mqtt",
                websocket,
            );
        }
        let port = match port {
            None | Some(0.0) => 1883,
            Some(port) if (1.0..=65_535.0).contains(&port) && port.fract() == 0.0 => port as u16,
            Some(port) => {
                return Err(NodeError::config("/port", format!("{port} is no port: use 1 to 65535")));
            }
        };
        let host = if broker.is_empty() { "localhost" } else { broker };
        Address::of(host.trim_start_matches('[').trim_end_matches(']'), port, use_tls, None)
    }

    fn of(host: &str, port: u16, is_tls: bool, websocket: Option<String>) -> Result<Address, NodeError> {
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(NodeError::config("/broker", format!("{host:?} is no host name")));
        }
        Ok(Address { host: host.to_string(), port, is_tls, websocket })
    }

    /// Host and port as they stand in a URL.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether Node-RED takes it for a broker on the same machine.
    pub fn is_local(&self) -> bool {
        self.host == "localhost" || self.host == "127.0.0.1"
    }
}

fn without_login(broker: &str) -> &str {
    broker.rsplit_once('@').map_or(broker, |(_, rest)| rest)
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("the ] of an IPv6 address is missing")?;
            (host, rest.strip_prefix(':'))
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map(|port| port.parse().map_err(|_| format!("{port:?} is no port"))).transpose()?;
    Ok((host, port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.websocket.is_some(), self.is_tls) {
            (false, false) => "mqtt",
            (false, true) => "mqtts",
            (true, false) => "ws",
            (true, true) => "wss",
        };
        let path = self.websocket.as_deref().unwrap_or("");
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        write!(f, "{scheme}://{}{path}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flows_write_is_understood() {
        for (broker, port, tls, expected) in [
            ("localhost", Some(1883.0), false, "mqtt://localhost:1883"),
            ("", None, false, "mqtt://localhost:1883"),
            ("10.0.0.5", Some(8883.0), true, "mqtts://10.0.0.5:8883"),
            ("fe80::1", None, false, "mqtt://[fe80::1]:1883"),
            ("mqtts://b", Some(1883.0), false, "mqtts://b:8883"),
            ("ws://b:8080/mqtt?token=x", None, false, "ws://b:8080/mqtt"),
            ("wss://b", None, false, "wss://b:443/"),
            ("tcp://[::1]:1999", None, false, "mqtt://[::1]:1999"),
        ] {
            assert_eq!(Address::parse(broker, port, tls).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        for (broker, port) in [("http://b", None), ("a b", None), ("b", Some(70_000.0)), ("mqtt://b:x", None)]
        {
            assert!(matches!(Address::parse(broker, port, false), Err(NodeError::Config { .. })), "{broker}");
        }
        let error = Address::parse("mqtt://me:hunter2@b", None, false).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
