//! Link call: calls a flow that begins with a link in and ends with a link out that returns, and sends the answer on.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use super::{innermost, pop, push};
use crate::cx::{Cx, Held};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::TimerId;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::value::{Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "link call",
    category: Category::Common,
    summary: "Calls a flow behind a link in and sends its answer on.",
    help: include_str!("link_call.md"),
    examples: include_str!("link_call.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "linkType",
            &[("static", "The one in the list"), ("dynamic", "The one that msg.target names")],
            "Target",
            "Whether the link in node is fixed, or named by the id or name in msg.target.",
        )
        .default("\"static\""),
        Field::new("links", FieldKind::Nodes, "Link in", "The id of the link in node that it calls, in a list.")
            .default("[]")
            .visible_if("linkType", &["static"]),
        Field::number(
            "timeout",
            "Timeout",
            "Seconds to wait for the answer. After that the message goes to Catch with the error \"timeout\".",
        )
        .at_least(0.0)
        .default("30"),
    ],
};

/// Node-RED's: also for a timeout that is no number.
const TIMEOUT: f64 = 30.0;
/// No call waits longer: ten years.
const LONGEST: f64 = 3.2e8;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    links: Option<Links>,
    #[serde(default)]
    link_type: Option<String>,
    #[serde(default)]
    timeout: Json,
}

/// A list, of which the first counts, or one id as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Links {
    One(String),
    List(Vec<String>),
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let id = config.id.clone();
    let config: Config = config.read()?;
    let target = match (config.link_type.as_deref(), config.links) {
        (Some("dynamic"), _) => None,
        (_, Some(Links::One(id))) => Some(id),
        (_, Some(Links::List(ids))) => Some(ids.into_iter().next().unwrap_or_default()),
        (_, None) => Some(String::new()),
    };
    let seconds = match &config.timeout {
        Json::Number(n) => n.as_f64().filter(|seconds| *seconds != 0.0),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let seconds = seconds.filter(|seconds: &f64| !seconds.is_nan()).unwrap_or(TIMEOUT);
    Ok(Built::transform(LinkCall {
        id,
        target,
        timeout: Duration::from_secs_f64(seconds.clamp(0.001, LONGEST)),
        calls: HashMap::new(),
        count: 0,
    }))
}

struct LinkCall {
    id: Str,
    /// The link in node; nothing when the message names it.
    target: Option<String>,
    timeout: Duration,
    /// Calls that are not answered yet, by the number of their timer.
    calls: HashMap<TimerId, Call>,
    count: TimerId,
}

struct Call {
    /// A number alone could be guessed, or be left over from before a restart.
    id: Str,
    held: Held,
}

impl Transform for LinkCall {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        let to = match &self.target {
            Some(target) => cx.find_link(target, false)?,
            None => {
                let target = message.get("target").filter(|target| target.truthy()).map(Value::to_text);
                cx.find_link(target.as_deref().unwrap_or_default(), true)?
            }
        };
        let number = self.count + 1;
        let id = Str::from(format!("{}-{number}", cx.new_id()));
        let mut copy = message.clone();
        push(&mut copy.value, &id, &self.id);
        let held = cx.hold(msg)?;
        self.count = number;
        self.calls.insert(number, Call { id, held });
        cx.set_timer(number, self.timeout);
        match cx.call(&to, copy) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.fail(number, error, cx);
                Ok(())
            }
        }
    }

    fn returned(&mut self, mut answer: Message, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let call = innermost(&answer.value).and_then(|(id, _)| self.take(id));
        pop(&mut answer.value);
        if let Some((number, call)) = call {
            cx.cancel_timer(number);
            cx.complete(&answer);
            // The answer carries the token: what was kept for a timeout is not needed any more.
            drop(call.held.into_message());
        }
        // As in Node-RED a second answer, and one that comes too late, are sent on too.
        cx.send(0, answer);
        Ok(())
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        self.fail(id, NodeError::rejected("timeout"), cx);
        Ok(())
    }
}

impl LinkCall {
    fn take(&mut self, id: &str) -> Option<(TimerId, Call)> {
        let number: TimerId = id.rsplit_once('-')?.1.parse().ok()?;
        self.calls.get(&number).filter(|call| call.id == id)?;
        self.calls.remove(&number).map(|call| (number, call))
    }

    fn fail(&mut self, number: TimerId, error: NodeError, cx: &mut Cx<'_>) {
        cx.cancel_timer(number);
        if let Some(call) = self.calls.remove(&number) {
            cx.fail(call.held, error);
        }
    }
}

#[cfg(test)]
#[path = "link_call_tests.rs"]
mod tests;
