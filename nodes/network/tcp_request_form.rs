//! What the form of `tcp request` says.

use std::time::Duration;

use serde::Deserialize;

use super::cut::Cutting;
use super::form::{self, DataType, LARGEST};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::read;
use crate::value::{Object, Value};

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "tcp request",
    category: Category::Network,
    summary: "Sends a message to a TCP server and hands on what it answers.",
    help: include_str!("tcp_request.md"),
    examples: include_str!("tcp_request.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::text("server", "Server", "The name or address of the server. Empty: msg.host."),
        Field::integer("port", "Port", "The port of the server. Empty: msg.port.").range(0.0, 65_535.0),
        Field::choice(
            "out",
            &[
                ("time", "after a time"),
                ("char", "when a character comes"),
                ("count", "after a number of bytes"),
                ("sit", "never: keep the connection open"),
                ("immed", "at once: do not wait for an answer"),
            ],
            "Close",
            "What ends the answer, and closes the connection.",
        )
        .default("\"time\""),
        Field::text("splitc", "Until", r"After a time: milliseconds from the first byte. When a character comes: that one, \n, \r, \t, \e, \f, \0, or a byte as 0x1f. After a number of bytes: how many.")
            .default("\"0\"")
            .visible_if("out", &["time", "char", "count"]),
        Field::choice("ret", &[("buffer", "a buffer"), ("string", "text (UTF-8)")], "Return", "What the payload of the answer is.")
            .default("\"buffer\""),
        Field::text("newline", "Delimited by", r"Where the connection is kept open, text is cut here: \n, \r and \t stand for line feed, carriage return and tab.")
            .visible_if("out", &["sit"]),
        Field::bool("trim", "Keep the delimiter", "Whether the delimiter stays at the end of each payload.")
            .default("false")
            .visible_if("out", &["sit"]),
        Field::new("tls", FieldKind::Resource("tls-config"), "TLS settings", "Encrypts the connection. None: not encrypted."),
        Field::number("timeout", "Time-out (seconds)", "A message that has no whole answer after so long fails.")
            .default("120")
            .range(0.01, 86_400.0)
            .visible_if("out", &["time", "char", "count"]),
        Field::integer("max", "Most bytes", "A longer answer, or piece of text without a delimiter, is an error, and the connection is closed.")
            .default("4194304")
            .range(1.0, LARGEST),
    ],
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    server: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    port: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    out: String,
    #[serde(default, deserialize_with = "read::text")]
    splitc: String,
    #[serde(default, deserialize_with = "read::text")]
    ret: String,
    #[serde(default, deserialize_with = "read::text")]
    newline: String,
    #[serde(default, deserialize_with = "read::boolean")]
    trim: bool,
    #[serde(default, deserialize_with = "read::text")]
    tls: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    timeout: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    max: Option<f64>,
}

/// What ends an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Until {
    /// So long after its first byte.
    Time(Duration),
    Byte(u8),
    Count(usize),
    /// Nothing is waited for.
    Nothing,
    /// The connection stays, and all that comes is handed on.
    Never,
}

#[derive(Clone)]
pub struct Form {
    server: String,
    port: Option<u16>,
    pub until: Until,
    pub is_text: bool,
    /// For a connection that stays.
    pub cutting: Cutting,
    pub tls: String,
    pub timeout: Duration,
    pub max: usize,
}

impl Form {
    pub fn read(config: &NodeConfig) -> Result<Form, NodeError> {
        let raw: Raw = config.read()?;
        let max = form::within("/max", raw.max, 4_194_304.0, 1.0, LARGEST)? as usize;
        let timeout = form::within("/timeout", raw.timeout, 120.0, 0.01, 86_400.0)?;
        let is_text = raw.ret == "string";
        let until = match raw.out.as_str() {
            "" | "time" => {
                let ms = number(&raw.splitc)?;
                Until::Time(Duration::from_millis(ms.clamp(0.0, 86_400_000.0) as u64))
            }
            "count" => {
                // Without a number it waits for the first byte.
                let count = number(&raw.splitc)?.max(1.0);
                if count > max as f64 {
                    let text = format!("{count} bytes are more than the most, {max}");
                    return Err(NodeError::config("/splitc", text));
                }
                Until::Count(count as usize)
            }
            "immed" => Until::Nothing,
            "sit" => Until::Never,
            // Node-RED takes everything else for a character.
            _ => Until::Byte(byte(&raw.splitc)?),
        };
        let delimiter = if is_text && until == Until::Never {
            form::delimiter("/newline", &raw.newline)?
        } else {
            Vec::new()
        };
        let datatype = if is_text { DataType::Utf8 } else { DataType::Buffer };
        let cutting = Cutting { stream: true, datatype, delimiter, keeps_delimiter: raw.trim, max };
        Ok(Form {
            server: raw.server.trim().to_string(),
            port: form::port("/port", raw.port)?.filter(|port| *port > 0),
            until,
            is_text,
            cutting,
            tls: raw.tls,
            timeout: Duration::from_secs_f64(timeout),
            max,
        })
    }

    /// Where a message goes.
    pub fn target(&self, message: &Object) -> Result<(String, u16), NodeError> {
        let host = match message.get("host") {
            _ if !self.server.is_empty() => self.server.clone(),
            Some(host) => host.to_text().trim().to_string(),
            None => String::new(),
        };
        let port = self.port.map_or_else(|| message.get("port").map_or(0.0, Value::to_number), f64::from);
        if host.is_empty() || port == 0.0 {
            let text = "host and/or port not set: set them in the node, or msg.host and msg.port";
            return Err(NodeError::rejected(text));
        }
        if !(1.0..=65_535.0).contains(&port) || port.fract() != 0.0 {
            return Err(NodeError::rejected("msg.port is no port: use 1 to 65535"));
        }
        Ok((host, port as u16))
    }
}

fn number(text: &str) -> Result<f64, NodeError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(0.0);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(NodeError::config("/splitc", format!("\"{text}\" is no number"))),
    }
}

/// The byte that is typed as a character, an escape or a number.
fn byte(typed: &str) -> Result<u8, NodeError> {
    let wrong = || {
        let text = format!(
            r#""{typed}" is no character of one byte: use one of ASCII, \n, \r, \t, \e, \f, \0, \\ or 0x00 to 0xff"#
        );
        NodeError::config("/splitc", text)
    };
    if let Some(escape) = typed.strip_prefix('\\') {
        return match escape.chars().next() {
            Some('n') => Ok(b'\n'),
            Some('r') => Ok(b'\r'),
            Some('t') => Ok(b'\t'),
            Some('e') => Ok(0x1b),
            Some('f') => Ok(0x0c),
            Some('0') => Ok(0),
            Some('\\') => Ok(b'\\'),
            _ => Err(wrong()),
        };
    }
    if let Some(hex) = typed.strip_prefix("0x") {
        return u8::from_str_radix(hex, 16).map_err(|_| wrong());
    }
    match typed.chars().next() {
        Some(char) if char.is_ascii() => Ok(char as u8),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{MemoryHost, config};

    fn form(json: serde_json::Value) -> Result<Form, NodeError> {
        Form::read(&config("tcp request", json, &MemoryHost::default()))
    }

    #[test]
    fn what_ends_an_answer_is_read_as_node_red_reads_it() {
        for (out, splitc, until) in [
            ("time", "250", Until::Time(Duration::from_millis(250))),
            ("char", "\\r", Until::Byte(b'\r')),
            ("char", "0x1F", Until::Byte(0x1f)),
            ("char", "0", Until::Byte(b'0')),
            ("char", "\\e", Until::Byte(0x1b)),
            ("count", "0", Until::Count(1)),
            ("count", "12", Until::Count(12)),
            ("sit", "x", Until::Never),
            ("immed", "", Until::Nothing),
        ] {
            assert_eq!(form(json!({"out": out, "splitc": splitc})).unwrap().until, until, "{out} {splitc}");
        }
        for (out, splitc) in [
            ("char", "\\x"),
            ("char", ""),
            ("char", "é"),
            ("char", "0x1ff"),
            ("count", "x"),
            ("count", "1e9"),
        ] {
            let refused = form(json!({"out": out, "splitc": splitc})).err();
            assert!(
                matches!(&refused, Some(NodeError::Config { pointer, .. }) if pointer == "/splitc"),
                "{out} {splitc}"
            );
        }
    }

    #[test]
    fn the_node_says_where_to_and_else_the_message() {
        let target = |node, message: serde_json::Value| {
            let message = Value::from(&message);
            form(node).unwrap().target(message.as_object().unwrap())
        };
        let of_message = json!({"host": "b", "port": "81"});
        assert_eq!(target(json!({"server": "a", "port": "80"}), of_message.clone()), Ok(("a".into(), 80)));
        assert_eq!(target(json!({"server": "", "port": ""}), of_message), Ok(("b".into(), 81)));
        for wrong in [json!({}), json!({"host": "a"}), json!({"host": "a", "port": 70_000})] {
            assert!(matches!(target(json!({}), wrong), Err(NodeError::Rejected(_))));
        }
    }
}
