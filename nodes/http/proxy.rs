//! http proxy: through which proxy requests go, and for which hosts they do not.

use serde::Deserialize;
use url::Url;

use super::path::decoded;
use super::target::basic;
use crate::connector::Resource;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "http proxy",
    category: Category::Config,
    summary: "A proxy that HTTP requests go through.",
    help: include_str!("http_proxy.md"),
    examples: include_str!("http_proxy.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Resource,
    fields: &[
        Field::text("url", "URL", "The proxy: http://host:port or https://host:port.").required(),
        Field::new(
            "noproxy",
            FieldKind::Json,
            "Not for",
            "A list of hosts that are reached without it: names, ends of names (.local), host:port, or * for all.",
        ),
        Field::text("username", "User", "The name of the user, where the proxy asks for one.").secret(),
        Field::text("password", "Password", "The user's password.").secret(),
    ],
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    url: String,
    #[serde(default)]
    noproxy: serde_json::Value,
    #[serde(default)]
    credentials: Credentials,
}

#[derive(Default, Deserialize)]
struct Credentials {
    #[serde(default, deserialize_with = "read::text")]
    username: String,
    #[serde(default, deserialize_with = "read::text")]
    password: String,
}

#[derive(Debug, Clone)]
pub struct Proxy {
    pub url: Url,
    /// What the proxy is told of who asks.
    pub authorization: Option<String>,
    not_for: Vec<String>,
}

impl Resource for Proxy {}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let raw: Raw = config.read()?;
    let mut proxy = Proxy::parse(&raw.url).map_err(|why| NodeError::config("/url", why))?;
    proxy.not_for = match &raw.noproxy {
        serde_json::Value::Array(hosts) => hosts.iter().filter_map(|host| host.as_str()).map(entry).collect(),
        serde_json::Value::String(hosts) => hosts.split(',').map(entry).collect(),
        _ => Vec::new(),
    };
    proxy.not_for.retain(|host| !host.is_empty());
    if !raw.credentials.username.is_empty() {
        proxy.authorization = Some(basic(&raw.credentials.username, &raw.credentials.password));
    }
    Ok(Built::resource(proxy))
}

fn entry(host: &str) -> String {
    host.trim().to_ascii_lowercase()
}

impl Proxy {
    fn parse(text: &str) -> Result<Proxy, String> {
        let full =
            if text.contains("://") { text.trim().to_string() } else { format!("http://{}", text.trim()) };
        let url = Url::parse(&full).map_err(|error| format!("{text:?} is no URL of a proxy: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(format!("{text:?} is no URL of a proxy: use http://host:port"));
        }
        let plain = |text: &str| decoded(text).unwrap_or_default();
        let authorization = (!url.username().is_empty())
            .then(|| basic(&plain(url.username()), &plain(url.password().unwrap_or_default())));
        Ok(Proxy { url, authorization, not_for: Vec::new() })
    }

    /// What the environment of the gateway says about requests of this scheme.
    pub fn of_environment(scheme: &str, variable: impl Fn(&str) -> Option<String>) -> Option<Proxy> {
        let either = |name: &str| {
            variable(name).or_else(|| variable(&name.to_ascii_uppercase())).filter(|text| !text.is_empty())
        };
        let text = either(&format!("{scheme}_proxy")).or_else(|| either("all_proxy"))?;
        let mut proxy = Proxy::parse(&text).ok()?;
        proxy.not_for =
            either("no_proxy").iter().flat_map(|hosts| hosts.split([',', ' '])).map(entry).collect();
        proxy.not_for.retain(|host| !host.is_empty());
        Some(proxy)
    }

    pub fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let port = url.port_or_known_default().unwrap_or(0);
        !self.not_for.iter().any(|entry| {
            let (name, only) = match entry.rsplit_once(':') {
                Some((name, digits)) if digits.parse::<u16>().is_ok() && !name.contains(':') => {
                    (name, digits.parse::<u16>().ok())
                }
                _ => (entry.as_str(), None),
            };
            let name = name.trim_start_matches('*');
            let bare = name.trim_start_matches('.');
            let is_host = bare.is_empty() || host == bare || host.ends_with(&format!(".{bare}"));
            is_host && only.is_none_or(|only| only == port)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_hosts_are_reached_without_it() {
        let environment = |name: &str| match name {
            "http_proxy" => Some("http://u:p%40@proxy:3128".to_string()),
            "NO_PROXY" => Some("localhost, .local,*.corp,10.0.0.1:8080".to_string()),
            _ => None,
        };
        let proxy = Proxy::of_environment("http", environment).unwrap();
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dTpwQA=="));
        let is_for = |url: &str| proxy.is_for(&Url::parse(url).unwrap());
        for without in ["http://localhost/", "http://a.local", "http://x.corp:99/", "http://10.0.0.1:8080/"] {
            assert!(!is_for(without), "{without}");
        }
        for with in ["http://example.org", "http://notlocal/", "http://10.0.0.1/"] {
            assert!(is_for(with), "{with}");
        }
        assert!(Proxy::of_environment("https", environment).is_none());
        assert!(Proxy::parse("socks5://x:1").is_err() && Proxy::parse("proxy:80").is_ok());
    }
}
