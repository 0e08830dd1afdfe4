//! The properties of an mqtt-server, read and checked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value as Json;

use super::access::{Access, Rule};
use super::filter;
use super::limits::Limits;
use crate::error::NodeError;
use crate::read;

#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub host: String,
    pub port: Option<u16>,
    pub websocket_port: Option<u16>,
    /// The id of a tls-config.
    pub tls: String,
    /// Clients show a certificate of the CA in the TLS settings.
    pub client_certificates: bool,
    pub access: Access,
    pub limits: Limits,
}

#[derive(Deserialize)]
pub struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    host: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    port: Option<f64>,
    #[serde(default, rename = "wsPort", deserialize_with = "read::maybe_number")]
    websocket_port: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    tls: String,
    #[serde(default, rename = "clientCertificates", deserialize_with = "read::boolean")]
    client_certificates: bool,
    #[serde(default, deserialize_with = "read::text")]
    anonymous: String,
    #[serde(default)]
    acl: Vec<RawRule>,
    #[serde(default, rename = "maxConnections", deserialize_with = "read::maybe_number")]
    connections: Option<f64>,
    #[serde(default, rename = "maxPacket", deserialize_with = "read::maybe_number")]
    packet: Option<f64>,
    #[serde(default, rename = "maxSessions", deserialize_with = "read::maybe_number")]
    sessions: Option<f64>,
    #[serde(default, rename = "sessionExpiry", deserialize_with = "read::maybe_number")]
    session_expiry: Option<f64>,
    #[serde(default, rename = "maxQueued", deserialize_with = "read::maybe_number")]
    queued: Option<f64>,
    #[serde(default, rename = "maxQueuedBytes", deserialize_with = "read::maybe_number")]
    queued_bytes: Option<f64>,
    #[serde(default, rename = "maxRetained", deserialize_with = "read::maybe_number")]
    retained: Option<f64>,
    #[serde(default)]
    credentials: Credentials,
}

#[derive(Deserialize)]
struct RawRule {
    #[serde(default, deserialize_with = "read::text")]
    user: String,
    #[serde(default, deserialize_with = "read::text")]
    access: String,
    #[serde(default, deserialize_with = "read::text")]
    topic: String,
}

#[derive(Default, Deserialize)]
struct Credentials {
    #[serde(default)]
    users: Json,
}

/// Passwords must not be shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("credentials")
    }
}

impl Raw {
    pub fn settings(self) -> Result<Settings, NodeError> {
        let host = Some(self.host.trim().to_string()).filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| "127.0.0.1".to_string());
        let port = port("/port", self.port.or(Some(1883.0)))?;
        let websocket_port = self::port("/wsPort", self.websocket_port)?;
        if port.is_none() && websocket_port.is_none() {
            return Err(NodeError::config(
                "/port",
                "it listens nowhere: give it a port, or one for WebSocket",
            ));
        }
        if self.client_certificates && self.tls.is_empty() {
            let text = "client certificates need TLS settings with a CA certificate";
            return Err(NodeError::config("/clientCertificates", text));
        }
        let users = users(self.credentials.users)?;
        let anonymous = match self.anonymous.as_str() {
            // By itself it is open on this board only, and only where nobody asked for users.
            "" | "auto" => is_loopback(&host) && users.is_empty(),
            "true" => true,
            "false" => false,
            other => {
                return Err(NodeError::config(
                    "/anonymous",
                    format!("{other:?} is not one of auto, true, false"),
                ));
            }
        };
        let rules =
            self.acl.into_iter().enumerate().map(|(at, rule)| rule.rule(at)).collect::<Result<_, _>>()?;
        let mut limits = Limits::default();
        let number = |name: &str, value: Option<f64>, default: usize, low: f64, high: f64| {
            value
                .map_or(Ok(default), |value| read::within(name, value, low, high).map(|value| value as usize))
        };
        limits.connections = number("/maxConnections", self.connections, limits.connections, 1.0, 10_000.0)?;
        limits.packet = number("/maxPacket", self.packet, limits.packet, 1024.0, 64.0 * 1024.0 * 1024.0)?;
        limits.sessions = number("/maxSessions", self.sessions, limits.sessions, 0.0, 3_000.0)?;
        limits.session_expiry = number(
            "/sessionExpiry",
            self.session_expiry,
            limits.session_expiry as usize,
            0.0,
            315_360_000.0,
        )? as u32;
        limits.stored = number("/maxQueued", self.queued, limits.stored as usize, 1.0, 1e9)? as u64;
        limits.stored_bytes =
            number("/maxQueuedBytes", self.queued_bytes, limits.stored_bytes as usize, 1024.0, 1e12)? as u64;
        limits.queue = limits.queue.min(limits.stored as usize);
        limits.retained = number("/maxRetained", self.retained, limits.retained, 0.0, 1_000_000.0)?;
        let access = Access { users, anonymous, rules };
        Ok(Settings {
            host,
            port,
            websocket_port,
            tls: self.tls,
            client_certificates: self.client_certificates,
            access,
            limits,
        })
    }
}

fn port(pointer: &str, port: Option<f64>) -> Result<Option<u16>, NodeError> {
    let port = port.map(|port| read::within(pointer, port, 0.0, 65_535.0)).transpose()?;
    Ok(port.map(|port| port as u16).filter(|port| *port > 0))
}

/// An object with a password for each name, or its JSON. What is in it is never told.
fn users(json: Json) -> Result<BTreeMap<String, String>, NodeError> {
    let wrong = || {
        NodeError::config(
            "/credentials/users",
            "expected an object with a password for each user: {\"NAME\": \"PASSWORD\"}",
        )
    };
    let json = match json {
        Json::String(text) if text.trim().is_empty() => Json::Null,
        Json::String(text) => serde_json::from_str(&text).map_err(|_| wrong())?,
        other => other,
    };
    match json {
        Json::Null => Ok(BTreeMap::new()),
        Json::Object(all) => all
            .into_iter()
            .map(|(name, password)| match password {
                Json::String(password) if !name.is_empty() && !password.is_empty() => Ok((name, password)),
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

impl RawRule {
    fn rule(self, at: usize) -> Result<Rule, NodeError> {
        let (read, write) = match self.access.as_str() {
            "read" => (true, false),
            "write" => (false, true),
            "" | "readwrite" => (true, true),
            other => {
                let text = format!("{other:?} is not one of read, write, readwrite");
                return Err(NodeError::config(format!("/acl/{at}/access"), text));
            }
        };
        if filter::parse(&self.topic).is_none_or(|filter| filter.group.is_some()) {
            let text = format!(
                "{:?} is no topic filter: + and # each stand for a whole level, # at the end",
                self.topic
            );
            return Err(NodeError::config(format!("/acl/{at}/topic"), text));
        }
        Ok(Rule { user: self.user, read, write, topic: self.topic })
    }
}

/// Whether only this board itself gets there.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(json: Json) -> Result<Settings, NodeError> {
        serde_json::from_value::<Raw>(json).map_err(NodeError::fatal)?.settings()
    }

    #[test]
    fn it_is_open_on_the_board_itself_only() {
        let plain = of(json!({})).unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.websocket_port), ("127.0.0.1", Some(1883), None));
        assert!(plain.access.anonymous);
        assert!(!of(json!({"host": "0.0.0.0"})).unwrap().access.anonymous);
        assert!(!of(json!({"credentials": {"users": {"a": "b"}}})).unwrap().access.anonymous);
        assert!(
            of(json!({"credentials": {"users": "{\"a\": \"b\"}"}, "anonymous": true}))
                .unwrap()
                .access
                .anonymous
        );
    }

    #[test]
    fn what_is_wrong_is_told_where_it_is_and_no_password_is() {
        for (json, place) in [
            (json!({"port": ""  , "wsPort": "x"}), ""),
            (json!({"port": 0}), "/port"),
            (json!({"port": 70_000}), "/port"),
            (json!({"anonymous": "maybe"}), "/anonymous"),
            (json!({"acl": [{"topic": "a"}, {"topic": "a#"}]}), "/acl/1/topic"),
            (json!({"acl": [{"topic": "a", "access": "all"}]}), "/acl/0/access"),
            (json!({"maxPacket": 1}), "/maxPacket"),
            (json!({"clientCertificates": true}), "/clientCertificates"),
            (json!({"credentials": {"users": "secret"}}), "/credentials/users"),
            (json!({"credentials": {"users": {"a": ["secret"]}}}), "/credentials/users"),
        ] {
            match of(json.clone()) {
                Err(NodeError::Config { pointer, message }) => {
                    assert_eq!(pointer, place);
                    assert!(!message.contains("secret"), "{message}");
                }
                Err(NodeError::Fatal(_)) if place.is_empty() => {}
                other => panic!("{json}: {other:?}"),
            }
        }
    }
}
