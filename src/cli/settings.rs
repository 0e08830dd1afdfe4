//! The settings of a gateway: `tidegate.toml` in its data directory, `TIDEGATE_*` in the environment, and flags. Each
//! has the same name in all three, and one place here. A flag goes before the environment, that before the file.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use tidegate_nodes::host;
use tidegate_nodes::value::Value;
use toml::de::{DeTable, DeValue};

use crate::api::{self, Listen};
use crate::flow;
use crate::store::{self, Batching, Durability};

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
    /// Whether somebody has said where: then it listens from the start.
    pub listen_is_set: bool,
    /// Whether others than this machine may reach its listeners, though nobody is asked for a password.
    pub insecure_listen: bool,
    /// The largest body of an HTTP request.
    pub api_max_length: usize,
    /// HTTP clients at once.
    pub http_connections: usize,
    /// One is enough for what a board does, and to wake a second costs more than it brings.
    pub io_threads: usize,
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
            listen_is_set: false,
            insecure_listen: false,
            api_max_length: 5 * 1024 * 1024,
            http_connections: 1_000,
            io_threads: 1,
        }
    }
}

/// One setting, under its one name.
struct Setting {
    name: &'static str,
    kind: Kind,
    set: fn(&mut Settings, &str),
}

enum Kind {
    Choice(&'static [&'static str]),
    Whole {
        least: u64,
        most: u64,
    },
    Switch,
    /// `ADDRESS:PORT`, or `off`.
    Address,
}

/// Every setting there is. What is set has been checked against its kind, so that `set` cannot fail.
const SETTINGS: &[Setting] = &[
    Setting {
        name: "durability",
        kind: Kind::Choice(&["full", "normal", "off"]),
        set: |settings, text| {
            settings.durability = match text {
                "normal" => Durability::Normal,
                "off" => Durability::Off,
                _ => Durability::Full,
            }
        },
    },
    Setting {
        name: "batch_linger_ms",
        kind: Kind::Whole { least: 0, most: 10_000 },
        set: |settings, text| settings.batch_linger_ms = whole(text),
    },
    Setting {
        name: "batch_messages",
        kind: Kind::Whole { least: 1, most: 100_000 },
        set: |settings, text| settings.batch_messages = whole(text) as usize,
    },
    Setting {
        name: "hold_limit",
        kind: Kind::Whole { least: 1, most: 1_000_000_000 },
        set: |settings, text| settings.hold_limit = whole(text) as usize,
    },
    Setting {
        name: "hold_bytes",
        kind: Kind::Whole { least: 1, most: 1 << 40 },
        set: |settings, text| settings.hold_bytes = whole(text) as usize,
    },
    Setting {
        name: "context_default",
        kind: Kind::Choice(&["memory", "disk"]),
        set: |settings, text| {
            settings.context_default = if text == "disk" { ContextStore::Disk } else { ContextStore::Memory };
        },
    },
    Setting {
        name: "drain",
        kind: Kind::Whole { least: 0, most: 86_400 },
        set: |settings, text| settings.drain = whole(text),
    },
    Setting { name: "mqtt", kind: Kind::Address, set: |settings, text| settings.mqtt = text.parse().ok() },
    Setting {
        name: "listen",
        kind: Kind::Address,
        set: |settings, text| {
            settings.listen = text.parse().ok();
            settings.listen_is_set = true;
        },
    },
    Setting {
        name: "insecure_listen",
        kind: Kind::Switch,
        set: |settings, text| settings.insecure_listen = text == "true",
    },
    Setting {
        name: "api_max_length",
        kind: Kind::Whole { least: 1, most: 1 << 30 },
        set: |settings, text| settings.api_max_length = whole(text) as usize,
    },
    Setting {
        name: "http_connections",
        kind: Kind::Whole { least: 1, most: 100_000 },
        set: |settings, text| settings.http_connections = whole(text) as usize,
    },
    Setting {
        name: "io_threads",
        kind: Kind::Whole { least: 1, most: 64 },
        set: |settings, text| settings.io_threads = whole(text) as usize,
    },
];

/// Of text that was checked.
fn whole(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

impl Kind {
    fn expected(&self) -> String {
        match self {
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Whole { least, most } => format!("a whole number from {least} to {most}"),
            Kind::Switch => "true or false".to_string(),
            Kind::Address => format!("an address and a port, such as {LISTEN}, or off"),
        }
    }

    fn takes(&self, text: &str) -> bool {
        match self {
            Kind::Choice(words) => words.contains(&text),
            Kind::Whole { least, most } => {
                text.parse::<u64>().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Kind::Switch => matches!(text, "true" | "false"),
            Kind::Address => text == "off" || text.parse::<SocketAddr>().is_ok(),
        }
    }
}

/// Settings on the command line, for the commands that run a gateway.
#[derive(Debug, Clone, Default, Args)]
pub struct Flags {
    /// What a power cut may take: full nothing, normal the last commits, off what the system had not written
    #[arg(long, value_name = "full|normal|off", value_parser = checked("durability"))]
    durability: Option<String>,
    /// Milliseconds that a batch of the store waits for more messages
    #[arg(long, value_name = "MS", value_parser = checked("batch_linger_ms"))]
    batch_linger_ms: Option<String>,
    /// How many messages close a batch of the store
    #[arg(long, value_name = "MESSAGES", value_parser = checked("batch_messages"))]
    batch_messages: Option<String>,
    /// How many messages one node may hold
    #[arg(long, value_name = "MESSAGES", value_parser = checked("hold_limit"))]
    hold_limit: Option<String>,
    /// How many bytes of messages one node may hold
    #[arg(long, value_name = "BYTES", value_parser = checked("hold_bytes"))]
    hold_bytes: Option<String>,
    /// Where contexts are kept that name no store
    #[arg(long, value_name = "memory|disk", value_parser = checked("context_default"))]
    context_default: Option<String>,
    /// Seconds that a stop may take before what is not done is given up and named
    #[arg(long, value_name = "SECONDS", value_parser = checked("drain"))]
    drain: Option<String>,
    /// Start an MQTT broker that listens here, beside the flow
    #[arg(long, value_name = "ADDR:PORT|off", value_parser = checked("mqtt"))]
    mqtt: Option<String>,
    /// Where to listen for HTTP, from the start; off for nowhere. Not set: on 127.0.0.1:1880 as soon as a node needs it
    #[arg(long, value_name = "ADDR:PORT|off", value_parser = checked("listen"))]
    listen: Option<String>,
    /// Let others than this machine reach it, though nobody is asked for a password
    #[arg(
        long,
        value_name = "true|false",
        value_parser = checked("insecure_listen"),
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    insecure_listen: Option<String>,
    /// How large the body of an HTTP request may be
    #[arg(long, value_name = "BYTES", value_parser = checked("api_max_length"))]
    api_max_length: Option<String>,
    /// How many HTTP clients may be connected at once
    #[arg(long, value_name = "CLIENTS", value_parser = checked("http_connections"))]
    http_connections: Option<String>,
    /// How many threads serve connections; flows have threads of their own beside them
    #[arg(long, value_name = "THREADS", value_parser = checked("io_threads"))]
    io_threads: Option<String>,
}

/// Reads a flag as the setting of this name, so that a wrong one is wrong usage.
fn checked(name: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |text| match SETTINGS.iter().find(|setting| setting.name == name) {
        Some(setting) if setting.kind.takes(text) => Ok(text.to_string()),
        Some(setting) => Err(format!("expected {}", setting.kind.expected())),
        None => Err(format!("there is no setting {name}")),
    }
}

impl Flags {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "durability" => self.durability.as_deref(),
            "batch_linger_ms" => self.batch_linger_ms.as_deref(),
            "batch_messages" => self.batch_messages.as_deref(),
            "hold_limit" => self.hold_limit.as_deref(),
            "hold_bytes" => self.hold_bytes.as_deref(),
            "context_default" => self.context_default.as_deref(),
            "drain" => self.drain.as_deref(),
            "mqtt" => self.mqtt.as_deref(),
            "listen" => self.listen.as_deref(),
            "insecure_listen" => self.insecure_listen.as_deref(),
            "api_max_length" => self.api_max_length.as_deref(),
            "http_connections" => self.http_connections.as_deref(),
            "io_threads" => self.io_threads.as_deref(),
            _ => None,
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
                    bail!("{variable} in the environment is {text:?}: expected {}", setting.kind.expected());
                }
                (setting.set)(&mut settings, &text);
            }
            if let Some(text) = flags.get(setting.name) {
                (setting.set)(&mut settings, text);
            }
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
            let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
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
                (DeValue::String(text), Kind::Choice(_) | Kind::Address) => (text.to_string(), true),
                (DeValue::Integer(number), Kind::Whole { .. }) => {
                    let number = i64::from_str_radix(number.as_str(), number.radix());
                    (number.map_or_else(|_| "a number out of range".to_string(), |n| n.to_string()), true)
                }
                (DeValue::String(text), _) => (format!("the text {text:?}"), false),
                (other, _) => (format!("of type {}", other.type_str()), false),
            };
            if !fits || !setting.kind.takes(&given) {
                bail!(
                    "{file}, line {}: `{name}` is {given}: expected {}",
                    line(value.span().start),
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
    pub fn api(&self) -> api::Options {
        let listen = match self.listen {
            None => Listen::Never,
            Some(address) if self.listen_is_set => Listen::Always(address),
            Some(address) => Listen::Needed(address),
        };
        api::Options { listen, body_limit: self.api_max_length, connections: self.http_connections }
    }

    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, env: &[(&str, &str)], flags: &Flags) -> Result<Settings, String> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), file).unwrap();
        let env =
            |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
        let path = format!("{}/", dir.path().display());
        Settings::from(dir.path(), flags, env).map_err(|error| format!("{error:#}").replace(&path, ""))
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_that_before_the_file() {
        let file = "# what a card bears\ndurability = \"normal\"\nhold_limit = 1_000\ndrain = 1\nbatch_messages = 0x10\n";
        let env = [("TIDEGATE_HOLD_LIMIT", "2000"), ("TIDEGATE_DRAIN", "2"), ("TIDEGATE_DURABILITY", "")];
        let flags = Flags { drain: Some("3".to_string()), ..Flags::default() };
        let settings = load(file, &env, &flags).unwrap();
        let expected = Settings {
            durability: Durability::Normal,
            hold_limit: 2_000,
            drain: 3,
            batch_messages: 16,
            ..Settings::default()
        };
        assert_eq!(settings, expected);
        assert_eq!(load("", &[], &Flags::default()).unwrap(), Settings::default());
        assert_eq!(settings.store().batching.messages, 16);
    }

    #[test]
    fn what_is_wrong_is_said_with_file_line_and_what_is_expected() {
        for (file, says) in [
            (
                "\n\ndurabilty = \"full\"",
                "tidegate.toml, line 3: no setting `durabilty`; did you mean `durability`?",
            ),
            ("colour = 1", "line 1: no setting `colour`; there are durability, batch_linger_ms"),
            (
                "drain = 1\nhold_limit = \"many\"",
                "line 2: `hold_limit` is the text \"many\": expected a whole number from 1 to",
            ),
            ("hold_limit = 0", "line 1: `hold_limit` is 0: expected a whole number from 1"),
            ("hold_limit = -5", "`hold_limit` is -5: expected"),
            ("hold_limit = 1.5", "`hold_limit` is of type float: expected"),
            ("durability = \"ful\"", "`durability` is ful: expected one of full, normal, off"),
            ("durability = 2", "`durability` is of type integer: expected one of"),
            ("[store]\ndrain = 1", "line 1: no setting `store`"),
            ("drain = 1\ndrain = 2", "tidegate.toml, line 2: duplicate key"),
            (
                "mqtt = \"1883\"",
                "`mqtt` is 1883: expected an address and a port, such as 127.0.0.1:1880, or off",
            ),
            ("insecure_listen = 1", "`insecure_listen` is of type integer: expected true or false"),
            ("drain 1", "tidegate.toml, line 1: "),
        ] {
            let error = load(file, &[], &Flags::default()).unwrap_err();
            assert!(error.contains(says), "{file:?}: {error}");
        }
        let error = load("", &[("TIDEGATE_DRAIN", "soon")], &Flags::default()).unwrap_err();
        assert_eq!(
            error,
            "TIDEGATE_DRAIN in the environment is \"soon\": expected a whole number from 0 to 86400"
        );
    }

    #[test]
    fn others_are_let_in_only_where_somebody_has_said_so() {
        let load = |file: &str| load(file, &[], &Flags::default());
        assert_eq!(load("").unwrap().api().listen, Listen::Needed(LISTEN));
        assert_eq!(load("listen = \"off\"").unwrap().api().listen, Listen::Never);
        let local = "[::1]:8080".parse().unwrap();
        assert_eq!(load("listen = \"[::1]:8080\"").unwrap().api().listen, Listen::Always(local));
        let everywhere = "0.0.0.0:1880".parse().unwrap();
        let open = load("listen = \"0.0.0.0:1880\"\ninsecure_listen = true").unwrap();
        assert_eq!(open.api().listen, Listen::Always(everywhere));
        let refused = load("listen = \"0.0.0.0:1880\"").unwrap_err();
        assert!(refused.contains("--insecure-listen"), "{refused}");
        let wrong = load("listen = \"everywhere\"").unwrap_err();
        assert!(wrong.contains("expected an address and a port"), "{wrong}");
        assert!(load("insecure_listen = 1").unwrap_err().contains("expected true or false"));
    }

    #[test]
    fn every_setting_is_a_flag_of_the_same_name() {
        use clap::Parser;
        #[derive(Parser)]
        struct All {
            #[command(flatten)]
            flags: Flags,
        }
        for setting in SETTINGS {
            let value = match setting.kind {
                Kind::Choice(words) => words[0].to_string(),
                Kind::Whole { least, .. } => least.to_string(),
                Kind::Switch => "false".to_string(),
                Kind::Address => "[::1]:80".to_string(),
            };
            let flag = format!("--{}", setting.name.replace('_', "-"));
            let all =
                All::try_parse_from(["x", &format!("{flag}={value}")]).map_err(|error| error.to_string());
            assert_eq!(all.unwrap().flags.get(setting.name), Some(value.as_str()));
            let wrong = All::try_parse_from(["x", &format!("{flag}=wrong")]).err().unwrap().to_string();
            assert!(wrong.contains("expected "), "{wrong}");
        }
        let bare = All::try_parse_from(["x", "--insecure-listen"]).map_err(|error| error.to_string());
        assert_eq!(bare.unwrap().flags.get("insecure_listen"), Some("true"));
    }
}
