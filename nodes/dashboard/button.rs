//! ui-button: somebody presses it, and a message leaves.

use std::sync::Arc;

use super::face::Face;
use super::fields::{GROUP, HEIGHT, LABEL, ORDER, TOPIC, WIDTH, kept};
use super::setting::{Kind, LABEL as LONGEST_LABEL, Setting};
use super::shown_value::{sent, typed};
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Action, Built, NodeConfig, NodeType, Transform};
use crate::shown::{Draw, Screen};
use crate::typed::Typed;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// How many presses wait while the flow behind is busy.
const WAITING_PRESSES: usize = 100;

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "ui-button",
    category: Category::Dashboard,
    summary: "A button on the dashboard: each press sends a message.",
    help: include_str!("button.md"),
    examples: include_str!("button.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Source,
    fields: &[
        GROUP,
        LABEL.default("\"button\""),
        Field::typed(
            "payload",
            "payloadType",
            &["str", "num", "bool", "json", "bin", "date", "flow", "global", "env", "jsonata"],
            "Payload",
            "What a press sends.",
        )
        .default("\"\""),
        TOPIC,
        Field::bool("emulateClick", "A message presses it", "A message that comes in is a press too.")
            .default("false"),
        Field::text("tooltip", "Tooltip", "What is read when one rests on it.").default("\"\""),
        Field::text("buttonColor", "Colour", "Of the button, such as #0094ce. Empty: that of the page.")
            .default("\"\""),
        Field::text("textColor", "Colour of the text", "Empty: that of the page.").default("\"\""),
        Field::bool("enableClick", "Can be pressed", "Switched off it only stands there.").default("true"),
        ORDER,
        WIDTH,
        HEIGHT,
        kept("icon"),
        kept("iconPosition"),
        kept("iconColor"),
        kept("color"),
        kept("bgcolor"),
        kept("passthru"),
        kept("enablePointerdown"),
        kept("pointerdownPayload"),
        kept("pointerdownPayloadType"),
        kept("enablePointerup"),
        kept("pointerupPayload"),
        kept("pointerupPayloadType"),
        kept("className"),
    ],
};

const SETTINGS: &[Setting] = &[
    Setting::fixed("tooltip", Kind::Text(LONGEST_LABEL)),
    Setting::live("buttonColor", Kind::Colour),
    Setting::live("textColor", Kind::Colour),
    Setting::fixed("enableClick", Kind::Flag),
    Setting::fixed("emulateClick", Kind::Flag),
];

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let payload = typed(config, "payload", "payloadType", ("", "str"))?;
    let topic = typed(config, "topic", "topicType", ("topic", "msg"))?;
    let face = Face::of(config, &DESCRIPTOR, SETTINGS)?;
    let presses_by_message = face.flag("emulateClick") && face.flag("enableClick");
    let screen = Arc::new(Screen::new(State(face)));
    let button = Button { payload, topic, presses_by_message, waiting: 0, screen: screen.clone() };
    Ok(Built::transform(button).showing(screen))
}

struct Button {
    payload: Typed,
    topic: Typed,
    presses_by_message: bool,
    /// Presses that wait for a credit.
    waiting: usize,
    screen: Arc<Screen<State>>,
}

struct State(Face);

impl Draw for State {
    fn draw(&self, since: Option<u64>) -> Object {
        self.0.draw(since)
    }

    fn accepts(&self, _value: &Value) -> Result<Value, String> {
        match self.0.is_enabled() && self.0.flag("enableClick") {
            true => Ok(Value::Null),
            false => Err("the button cannot be pressed now".to_string()),
        }
    }
}

impl Transform for Button {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        self.screen.change(|State(face), mark| face.update(&message.value, mark));
        let is_press = self.presses_by_message && self.screen.look(|State(face)| face.is_enabled());
        if !is_press {
            return Ok(());
        }
        let payload = self.payload.eval(&message.value, cx)?;
        sent(payload, &self.topic, &mut message.value, cx)?;
        cx.done_with(message);
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }

    fn action(&mut self, action: Action, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Action::Operate(_) = action else { return Ok(()) };
        if self.waiting == 0 && self.press(cx)? {
            return Ok(());
        }
        if self.waiting == WAITING_PRESSES {
            return Err(NodeError::rejected(format!(
                "{WAITING_PRESSES} presses wait: the flow behind is busy"
            )));
        }
        self.waiting += 1;
        Ok(())
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        while self.waiting > 0 && self.press(cx)? {
            self.waiting -= 1;
        }
        Ok(())
    }
}

impl Button {
    /// `false` when there is no credit for a message.
    fn press(&self, cx: &mut Cx<'_>) -> Result<bool, NodeError> {
        let mut msg = Object::new();
        let payload = self.payload.eval(&msg, cx)?;
        sent(payload, &self.topic, &mut msg, cx)?;
        Ok(cx.originate(0, msg))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Rig, assert_refused};

    #[test]
    fn a_press_sends_and_waits_where_the_flow_is_busy() {
        let mut rig = Rig::new(
            "ui-button",
            json!({"payload": "{\"on\":true}", "payloadType": "json", "topic": "lamp", "topicType": "str"}),
        );
        rig.action(Action::Operate(Value::Null));
        assert_eq!(rig.sent(0), [json!({"payload": {"on": true}, "topic": "lamp"})]);
        rig.host.credits = 0;
        (0..WAITING_PRESSES + 1).for_each(|_| rig.action(Action::Operate(Value::Null)));
        assert_eq!((rig.sent(0).len(), rig.host.errors.len()), (1, 1));
        rig.resume(1_000);
        assert_eq!(rig.sent(0).len(), 1 + WAITING_PRESSES);
    }

    #[test]
    fn a_message_presses_it_where_that_is_wanted() {
        let mut rig = Rig::new("ui-button", json!({"payload": "go", "payloadType": "str"}));
        rig.send(json!({"payload": 1, "topic": "t"}));
        assert!(rig.sent(0).is_empty());
        let mut rig =
            Rig::new("ui-button", json!({"payload": "go", "payloadType": "str", "emulateClick": true}));
        rig.send(json!({"payload": 1, "topic": "t", "kept": 2}));
        assert_eq!(rig.sent(0), [json!({"payload": "go", "topic": "t", "kept": 2})]);
        assert_refused(Rig::try_new("ui-button", json!({"payload": "{", "payloadType": "json"})), "/payload");
    }

    #[test]
    fn one_that_is_switched_off_takes_no_press() {
        let mut rig = Rig::new("ui-button", json!({"emulateClick": true}));
        let accepts = |rig: &Rig| rig.shown.as_ref().unwrap().accepts(&Value::Null).is_ok();
        assert!(accepts(&rig));
        rig.send(json!({"enabled": false, "ui_update": {"label": "Wait"}}));
        assert!(!accepts(&rig));
        let (_, view) = rig.view(None).unwrap();
        assert_eq!((&view["enabled"], &view["label"]), (&json!(false), &json!("Wait")));
        assert!(rig.sent(0).is_empty());
    }
}
