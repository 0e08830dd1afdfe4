//! http response: answers the request that a message came from.

use std::sync::Arc;

use serde::Deserialize;

use super::answer::{self, Form};
use super::arrival::referred;
use super::headers;
use crate::connector::{Connector, ConnectorHost, Delivery};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::Str;
use crate::web::{Answer, Answered, Http, When};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "http response",
    category: Category::Network,
    summary: "Answers the HTTP request that a message came from.",
    help: include_str!("http_response.md"),
    examples: include_str!("http_response.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[
        Field::integer("statusCode", "Status code", "The status of the answer. Empty: msg.statusCode, or 200.")
            .range(200.0, 599.0),
        Field::new("headers", FieldKind::Json, "Headers", "Headers of the answer, as an object. Those in msg.headers come on top.")
            .default("{}"),
        Field::choice(
            "after",
            &[("", "at once"), ("delivered", "when all else is delivered")],
            "Answer",
            "When the answer leaves: as soon as the message is here, or when every other copy of it has reached its end; 503 when one is lost.",
        )
        .default("\"\""),
    ],
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default, deserialize_with = "read::maybe_number")]
    status_code: Option<f64>,
    #[serde(default)]
    headers: serde_json::Value,
    #[serde(default, deserialize_with = "read::text")]
    after: String,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let raw: Raw = config.read()?;
    let status = match raw.status_code {
        None | Some(0.0) => None,
        Some(status) => Some(read::within("/statusCode", status, 200.0, 599.0)? as u16),
    };
    let when = match raw.after.as_str() {
        "" | "reached" => When::Now,
        "delivered" => When::Delivered,
        other => {
            let text = format!("unknown choice \"{other}\": use delivered, or nothing for at once");
            return Err(NodeError::config("/after", text));
        }
    };
    let form = Form { status, headers: headers_of(&raw.headers)? };
    Ok(Built::connector(HttpResponse { form, when, open: None }))
}

fn headers_of(json: &serde_json::Value) -> Result<Vec<(Str, Str)>, NodeError> {
    let object = match json {
        serde_json::Value::Null => return Ok(Vec::new()),
        serde_json::Value::String(text) if text.is_empty() => return Ok(Vec::new()),
        serde_json::Value::Object(object) => object,
        _ => return Err(NodeError::config("/headers", "the headers are not an object")),
    };
    let mut all = Vec::with_capacity(object.len());
    for (name, value) in object {
        for value in headers::values(&value.into()) {
            if !headers::is_name(name) || !headers::is_value(&value) {
                let text = format!("the header {name:?} cannot be sent with the value {value:?}");
                return Err(NodeError::config("/headers", text));
            }
            all.push((Str::new(name), value));
        }
    }
    Ok(all)
}

struct HttpResponse {
    form: Form,
    when: When,
    open: Option<(Arc<dyn Http>, Arc<dyn ConnectorHost>)>,
}

impl Connector for HttpResponse {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let http = host.http().ok_or_else(|| NodeError::fatal("there is no HTTP listener here"))?;
        host.status(Status::clear());
        self.open = Some((http, host));
        Ok(())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let Some((http, host)) = &self.open else { return Err(NodeError::disconnected("it is not open")) };
        for delivery in batch.drain(..) {
            let message = &delivery.message().value;
            let Some(id) = referred(message) else {
                host.log(
                    Level::Warn,
                    "No response object: the message did not come from an http in, or lost msg.res",
                );
                delivery.confirm();
                continue;
            };
            match answer::of(message, &self.form) {
                Ok(answer) => {
                    // The copy here is done with it; the listener hears when the others are.
                    if http.answer(id, answer, self.when) == Answered::Before {
                        host.log(Level::Warn, "the request has been answered before: this answer is dropped");
                    }
                    delivery.confirm();
                }
                Err(error) => {
                    let text = format!("{}\n", error.message());
                    // Who waits hears of it; somebody who has gone need not.
                    http.answer(id, Answer::text(500, &text), When::Now);
                    delivery.fail(error);
                }
            }
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
