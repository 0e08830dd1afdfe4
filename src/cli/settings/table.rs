//! Every setting there is: its name, what it takes, and what it is for.

use std::net::SocketAddr;

use super::{ContextStore, LISTEN, Settings};
use crate::remote::address::{self, Address};
use crate::remote::topics::is_prefix;
use crate::remote::{NAMES, is_name, pull};
use crate::store::Durability;

/// One setting, under its one name.
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    /// What is set has been checked against its kind, so that this cannot fail.
    pub set: fn(&mut Settings, &str),
}

pub enum Kind {
    Choice(&'static [&'static str]),
    /// Of a unit, which stands for the value in the help.
    Whole {
        unit: &'static str,
        least: u64,
        most: u64,
    },
    Switch,
    /// `ADDRESS:PORT`, or `off`.
    Address,
    /// The path of a file. From the data directory, unless it begins with `/`.
    File,
    /// Of a form of its own. It may hold a password, which is not shown.
    Text {
        form: &'static str,
        expected: &'static str,
        takes: fn(&str) -> bool,
    },
}

impl Kind {
    pub fn expected(&self) -> String {
        match self {
            Kind::Choice(words) => format!("one of {}", words.join(", ")),
            Kind::Whole { least, most, .. } => format!("a whole number from {least} to {most}"),
            Kind::Switch => "true or false".to_string(),
            Kind::Address => format!("an address and a port, such as {LISTEN}, or off"),
            Kind::File => "the path of a file".to_string(),
            Kind::Text { expected, .. } => (*expected).to_string(),
        }
    }

    pub fn takes(&self, text: &str) -> bool {
        match self {
            Kind::Choice(words) => words.contains(&text),
            Kind::Whole { least, most, .. } => {
                text.parse::<u64>().is_ok_and(|number| (*least..=*most).contains(&number))
            }
            Kind::Switch => matches!(text, "true" | "false"),
            Kind::Address => text == "off" || text.parse::<SocketAddr>().is_ok(),
            Kind::File => !text.is_empty() && !text.contains('\0'),
            Kind::Text { takes, .. } => takes(text),
        }
    }

    /// What stands for the value in the help.
    pub fn value_name(&self) -> String {
        match self {
            Kind::Choice(words) => words.join("|"),
            Kind::Whole { unit, .. } => (*unit).to_string(),
            Kind::Switch => "true|false".to_string(),
            Kind::Address => "ADDR:PORT|off".to_string(),
            Kind::File => "FILE".to_string(),
            Kind::Text { form, .. } => (*form).to_string(),
        }
    }

    /// What was given, for a message that it is wrong.
    pub fn shown(&self, text: &str) -> String {
        match self {
            Kind::Text { .. } => address::without_login(text),
            _ => text.to_string(),
        }
    }
}

pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "durability",
        kind: Kind::Choice(&["full", "normal", "off"]),
        help: "What a power cut may take: full nothing, normal the last commits, off what the system had not written",
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
        kind: Kind::Whole { unit: "MS", least: 0, most: 10_000 },
        help: "Milliseconds that a batch of the store waits for more messages",
        set: |settings, text| settings.batch_linger_ms = whole(text),
    },
    Setting {
        name: "batch_messages",
        kind: Kind::Whole { unit: "MESSAGES", least: 1, most: 100_000 },
        help: "How many messages close a batch of the store",
        set: |settings, text| settings.batch_messages = whole(text) as usize,
    },
    Setting {
        name: "hold_limit",
        kind: Kind::Whole { unit: "MESSAGES", least: 1, most: 1_000_000_000 },
        help: "How many messages one node may hold",
        set: |settings, text| settings.hold_limit = whole(text) as usize,
    },
    Setting {
        name: "hold_bytes",
        kind: Kind::Whole { unit: "BYTES", least: 1, most: 1 << 40 },
        help: "How many bytes of messages one node may hold",
        set: |settings, text| settings.hold_bytes = whole(text) as usize,
    },
    Setting {
        name: "context_default",
        kind: Kind::Choice(&["memory", "disk"]),
        help: "Where contexts are kept that name no store",
        set: |settings, text| {
            settings.context_default = if text == "disk" { ContextStore::Disk } else { ContextStore::Memory };
        },
    },
    Setting {
        name: "drain",
        kind: Kind::Whole { unit: "SECONDS", least: 0, most: 86_400 },
        help: "Seconds that a stop may take before what is not done is given up and named",
        set: |settings, text| settings.drain = whole(text),
    },
    Setting {
        name: "mqtt",
        kind: Kind::Address,
        help: "Start an MQTT broker that listens here, beside the flow",
        set: |settings, text| settings.mqtt = text.parse().ok(),
    },
    Setting {
        name: "listen",
        kind: Kind::Address,
        help: "Where to listen for HTTP, unless 127.0.0.1:1880; off for nowhere",
        set: |settings, text| {
            settings.listen = text.parse().ok();
        },
    },
    Setting {
        name: "tls",
        kind: Kind::Switch,
        help: "Serve HTTPS instead of HTTP; without files of your own a certificate is made at the first start",
        set: |settings, text| settings.tls = text == "true",
    },
    Setting {
        name: "tls_certificate",
        kind: Kind::File,
        help: "The certificate for HTTPS, with its chain, in PEM form; a file that is replaced counts at once",
        set: |settings, text| settings.tls_certificate = Some(text.into()),
    },
    Setting {
        name: "tls_key",
        kind: Kind::File,
        help: "The key of that certificate, in PEM form, readable by the gateway only",
        set: |settings, text| settings.tls_key = Some(text.into()),
    },
    Setting {
        name: "insecure_listen",
        kind: Kind::Switch,
        help: "Let others than this machine reach it, though nobody is asked for a password",
        set: |settings, text| settings.insecure_listen = text == "true",
    },
    Setting {
        name: "api_max_length",
        kind: Kind::Whole { unit: "BYTES", least: 1, most: 1 << 30 },
        help: "How large the body of an HTTP request may be",
        set: |settings, text| settings.api_max_length = whole(text) as usize,
    },
    Setting {
        name: "http_connections",
        kind: Kind::Whole { unit: "CLIENTS", least: 1, most: 100_000 },
        help: "How many HTTP clients may be connected at once",
        set: |settings, text| settings.http_connections = whole(text) as usize,
    },
    Setting {
        name: "io_threads",
        kind: Kind::Whole { unit: "THREADS", least: 1, most: 64 },
        help: "How many threads serve connections; flows have threads of their own beside them",
        set: |settings, text| settings.io_threads = whole(text) as usize,
    },
    Setting {
        name: "name",
        kind: Kind::Text { form: "NAME", expected: NAMES, takes: is_name },
        help: "What this gateway is called among those that are deployed to from elsewhere, unless as its machine",
        set: |settings, text| settings.name = Some(text.to_string()),
    },
    Setting {
        name: "remote_mqtt",
        kind: Kind::Text {
            form: "URL",
            expected: address::EXPECTED,
            takes: |text| Address::parse(text).is_some(),
        },
        help: "A broker over which signed bundles are deployed here, mqtt[s]://[user:password@]host:port; better not as a flag, which all users of the machine see",
        set: |settings, text| settings.remote_mqtt = Address::parse(text),
    },
    Setting {
        name: "remote_ca",
        kind: Kind::File,
        help: "A certificate in PEM form to trust for that broker, or for remote_pull, instead of those of the system",
        set: |settings, text| settings.remote_ca = Some(text.into()),
    },
    Setting {
        name: "remote_prefix",
        kind: Kind::Text {
            form: "TEXT",
            expected: "the beginning of a topic, without + and #",
            takes: is_prefix,
        },
        help: "What the topics of deploys begin with, unless tidegate",
        set: |settings, text| settings.remote_prefix = text.to_string(),
    },
    Setting {
        name: "remote_pull",
        kind: Kind::Text { form: "URL", expected: pull::EXPECTED, takes: pull::is_url },
        help: "A signed bundle on a web server that is deployed here whenever it changes",
        set: |settings, text| settings.remote_pull = Some(text.to_string()),
    },
    Setting {
        name: "remote_pull_seconds",
        kind: Kind::Whole { unit: "SECONDS", least: 10, most: 604_800 },
        help: "How often it is looked whether that bundle has changed, within a fifth",
        set: |settings, text| settings.remote_pull_seconds = whole(text),
    },
];

/// Of text that was checked.
fn whole(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
