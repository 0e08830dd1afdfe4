//! Link out: sends to link in nodes without a wire, or returns to the link call that a message came from.

use serde::Deserialize;

use super::{CALLS, innermost};
use crate::common::junction::PassThrough;
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::value::{Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "link out",
    category: Category::Common,
    summary: "Sends to link in nodes without a wire, or returns from a link call.",
    help: include_str!("link_out.md"),
    examples: include_str!("link_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "mode",
            &[("link", "Send to all link in nodes in the list"), ("return", "Return to the link call")],
            "Mode",
            "Whether it sends to the nodes in the list or back to the link call that the message came from.",
        )
        .default("\"link\""),
        Field::new("links", FieldKind::Nodes, "Links", "The ids of the link in nodes that it sends to.")
            .default("[]")
            .visible_if("mode", &["link"]),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    links: Option<Vec<String>>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let Config { mode, links } = config.read()?;
    match mode.as_deref() {
        None | Some("" | "link") => Ok(Built::transform(PassThrough).linking(links.unwrap_or_default())),
        Some("return") => Ok(Built::transform(Return)),
        Some(other) => {
            Err(NodeError::config("/mode", format!("\"{other}\" is no mode: write \"link\" or \"return\"")))
        }
    }
}

struct Return;

impl Transform for Return {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        // The call stays on the stack: the link call takes it off, and knows by it which call is answered.
        let to = innermost(&message.value).map(|(_, node)| Str::new(node));
        let sent = to.is_some_and(|node| cx.answer(&node, message.clone()).is_ok());
        if !sent {
            cx.warn("Missing return node information");
            if let Some(calls) = message.value.get_mut(CALLS).and_then(Value::as_array_mut) {
                calls.pop();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::host::{Level, Mail};
    use crate::message::Outcome;
    use crate::testing::{MemoryHost, Rig, config};

    #[test]
    fn it_links_to_the_nodes_in_its_list() {
        let links = |properties| {
            let config = config("link out", properties, &MemoryHost::default());
            (crate::find("link out").unwrap().build)(&config).map(|built| built.links)
        };
        assert_eq!(links(json!({"mode": "link", "links": ["a", "b"]})).unwrap(), ["a", "b"]);
        assert_eq!(links(json!({"mode": "", "links": ["a"]})).unwrap(), ["a"]);
        assert!(links(json!({"mode": "return", "links": ["a"]})).unwrap().is_empty());
        let error = links(json!({"mode": "back"})).unwrap_err();
        assert!(error.to_string().starts_with("/mode: "), "{error}");
    }

    #[test]
    fn it_answers_the_innermost_call_under_the_token_of_the_message() {
        let mut rig = Rig::new("link out", json!({"mode": "return"}));
        rig.send(json!({"payload": 1, "_linkSource": [{"id": "1", "node": "outer"}, {"id": "2", "node": "inner"}]}));
        assert_eq!(rig.settled(), []);
        let (to, Mail::Return(answer)) = rig.host.mail.remove(0) else { panic!("an answer was sent") };
        assert_eq!((to.as_str(), answer.payload().as_i64()), ("inner", Some(1)));
        drop(answer);
        assert_eq!(rig.settled(), [(1, Outcome::Done)]);
    }

    #[test]
    fn without_a_call_it_warns() {
        for msg in [
            json!({}),
            json!({"_linkSource": []}),
            json!({"_linkSource": "x"}),
            json!({"_linkSource": [{"id": 5}]}),
        ] {
            let mut rig = Rig::new("link out", json!({"mode": "return"}));
            rig.send(msg);
            assert_eq!(rig.host.logs, [(Level::Warn, "Missing return node information".to_string())]);
            assert!(rig.host.mail.is_empty());
        }
    }
}
