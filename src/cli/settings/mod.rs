//! The settings of a gateway: `tidegate.toml` in its data directory, `TIDEGATE_*` in the environment, and flags. Each
//! has the same name in all three, and one place here. A flag goes before the environment, that before the file.

mod flags;
mod table;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use tidegate_nodes::host;
use tidegate_nodes::value::Value;
use toml::de::{DeTable, DeValue};

use crate::api::{self, Listen, Tls, TlsFiles};
use crate::flow;
use crate::remote::address::Address;
use crate::store::{self, Batching, Durability};

pub use flags::Flags;
use table::{Kind, SETTINGS};

/// The file in the data directory.
pub const FILE: &str = "tidegate.toml";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub durability: Durability,
    pub batch_linger_ms: u64,
    pub batch_messages: usize,
    pub hold_limit: usize,
    pub hold_bytes: usize,
    pub context_default: ContextStore,
    /// Seconds that a stop may take.
    pub drain: u64,
    /// Where a broker listens that is in no flow.
    pub mqtt: Option<SocketAddr>,
    /// Where it listens for HTTP; nothing: nowhere.
    pub listen: Option<SocketAddr>,
    pub tls: bool,
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Whether others than this machine may reach its listeners, though nobody is asked for a password.
    pub insecure_listen: bool,
    /// The largest body of an HTTP request.
    pub api_max_length: usize,
    /// HTTP clients at once.
    pub http_connections: usize,
    /// One is enough for what a board does, and to wake a second costs more than it brings.
    pub io_threads: usize,
    /// What the gateway is called; nothing: as its machine.
    pub name: Option<String>,
    pub remote_mqtt: Option<Address>,
    pub remote_ca: Option<PathBuf>,
    pub remote_prefix: String,
    pub remote_pull: Option<String>,
    pub remote_pull_seconds: u64,
}

/// Node-RED's port, on this machine only.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1880);

/// Where contexts are kept that name no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextStore {
    Memory,
    Disk,
}

impl ContextStore {
    pub fn name(self) -> &'static str {
        match self {
            ContextStore::Memory => "memory",
            ContextStore::Disk => "disk",
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        let (batching, nodes) = (Batching::default(), host::Settings::default());
        Settings {
            durability: Durability::default(),
            batch_linger_ms: batching.linger.as_millis() as u64,
            batch_messages: batching.messages,
            hold_limit: nodes.hold_limit,
            hold_bytes: nodes.hold_bytes,
            context_default: ContextStore::Memory,
            drain: 10,
            mqtt: None,
            listen: Some(LISTEN),
            tls: false,
            tls_certificate: None,
            tls_key: None,
            insecure_listen: false,
            api_max_length: 5 * 1024 * 1024,
            http_connections: 1_000,
            io_threads: 1,
            name: None,
            remote_mqtt: None,
            remote_ca: None,
            remote_prefix: "tidegate".to_string(),
            remote_pull: None,
            remote_pull_seconds: 300,
        }
    }
}

/// Whether somebody can log in and change things. Nothing is made where nothing is yet.
fn has_admin(data_dir: &Path) -> anyhow::Result<bool> {
    match data_dir.join(store::CONFIG).exists() {
        true => Ok(crate::config::Config::open(data_dir)?.has_admin()?),
        false => Ok(false),
    }
}

impl Settings {
    /// The settings of the gateway with this data directory, which need not be there yet.
    pub fn load(data_dir: &Path, flags: &Flags) -> anyhow::Result<Settings> {
        Settings::from(data_dir, flags, |name| std::env::var(name).ok())
    }

    fn from(
        data_dir: &Path,
        flags: &Flags,
        env: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Settings> {
        let mut settings = Settings::default();
        let path = data_dir.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => settings.read_file(&path, &text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
        for setting in SETTINGS {
            let variable = format!("TIDEGATE_{}", setting.name.to_uppercase());
            // Set to nothing is as good as not set: that is how a unit file takes one back.
            if let Some(text) = env(&variable).filter(|text| !text.is_empty()) {
                if !setting.kind.takes(&text) {
                    let (shown, expected) = (setting.kind.shown(&text), setting.kind.expected());
                    bail!("{variable} in the environment is {shown:?}: expected {expected}");
                }
                (setting.set)(&mut settings, &text);
            }
            if let Some(text) = flags.get(setting.name) {
                if !setting.kind.takes(text) {
                    let flag = setting.name.replace('_', "-");
                    bail!("--{flag} is {:?}: expected {}", setting.kind.shown(text), setting.kind.expected());
                }
                (setting.set)(&mut settings, text);
            }
        }
        if !settings.tls && (settings.tls_certificate.is_some() || settings.tls_key.is_some()) {
            bail!("tls_certificate and tls_key are for HTTPS, which is off: add --tls, or leave them out");
        }
        if settings.tls_certificate.is_some() != settings.tls_key.is_some() {
            bail!(
                "a certificate and its key go together: set both tls_certificate and tls_key, or none of them"
            );
        }
        if let Some(address) = settings.listen.filter(|address| !address.ip().to_canonical().is_loopback())
            && !settings.insecure_listen
            && !has_admin(data_dir)?
        {
            bail!(
                "to listen on {address} lets everybody in who can reach this machine, for there is no admin yet: make one \
                 with `tidegate passwd NAME --role admin`, or listen on 127.0.0.1:{}, or add --insecure-listen where the \
                 network is trusted",
                address.port()
            );
        }
        Ok(settings)
    }

    fn read_file(&mut self, path: &Path, text: &str) -> anyhow::Result<()> {
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let file = path.display();
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map(|span| format!(", line {}", line(span.start))).unwrap_or_default();
            anyhow!("{file}{at}: {}", error.message())
        })?;
        for (key, value) in table.get_ref() {
            let (name, at) = (key.get_ref().as_ref(), line(key.span().start));
            let Some(setting) = table::find(name) else {
                let near = flow::nearest(name, SETTINGS.iter().map(|setting| setting.name));
                let hint = match near.first() {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        let all: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
                        format!("there are {}", all.join(", "))
                    }
                };
                bail!("{file}, line {at}: no setting `{name}`; {hint}");
            };
            let (given, fits) = match (value.get_ref(), &setting.kind) {
                (DeValue::Boolean(on), Kind::Switch) => (on.to_string(), true),
                (DeValue::String(text), Kind::Choice(_) | Kind::Address | Kind::File | Kind::Text { .. }) => {
                    (text.to_string(), true)
                }
                (DeValue::Integer(number), Kind::Whole { .. }) => {
                    let number = i64::from_str_radix(number.as_str(), number.radix());
                    (number.map_or_else(|_| "a number out of range".to_string(), |n| n.to_string()), true)
                }
                (DeValue::String(text), _) => (format!("the text {text:?}"), false),
                (other, _) => (format!("of type {}", other.type_str()), false),
            };
            if !fits || !setting.kind.takes(&given) {
                bail!(
                    "{file}, line {}: `{name}` is {}: expected {}",
                    line(value.span().start),
                    if fits { setting.kind.shown(&given) } else { given },
                    setting.kind.expected()
                );
            }
            (setting.set)(self, &given);
        }
        Ok(())
    }

    /// How the store is opened.
    pub fn store(&self) -> store::Options {
        let setup = store::Setup { durability: self.durability, ..store::Setup::default() };
        let batching = Batching {
            messages: self.batch_messages,
            linger: Duration::from_millis(self.batch_linger_ms),
            ..Batching::default()
        };
        store::Options { setup, batching, ..store::Options::default() }
    }

    /// What nodes read.
    pub fn nodes(&self) -> host::Settings {
        let mut settings = host::Settings {
            hold_limit: self.hold_limit,
            hold_bytes: self.hold_bytes,
            ..host::Settings::default()
        };
        settings.other.insert("insecure_listen".to_string(), Value::Bool(self.insecure_listen));
        settings
    }

    /// The HTTP listener.
    pub fn api(&self, tls: Option<Arc<Tls>>) -> api::Options {
        let listen = self.listen.map_or(Listen::Never, Listen::Always);
        api::Options { listen, body_limit: self.api_max_length, connections: self.http_connections, tls }
    }

    /// The files for HTTPS, where it is on.
    pub fn tls_files(&self, data_dir: &Path) -> Option<TlsFiles> {
        let file = |named: &Option<PathBuf>, usual: &str| {
            data_dir.join(named.as_deref().unwrap_or_else(|| Path::new(usual)))
        };
        self.tls.then(|| TlsFiles {
            certificate: file(&self.tls_certificate, "tls/certificate.pem"),
            key: file(&self.tls_key, "tls/key.pem"),
        })
    }

    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain)
    }
}
