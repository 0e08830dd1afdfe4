//! ui-slider: somebody sets a number.

use std::sync::Arc;

use super::face::Face;
use super::fields::{GROUP, HEIGHT, LABEL, ORDER, TOPIC, WIDTH, kept};
use super::setting::{Kind, Setting, WORD};
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

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "ui-slider",
    category: Category::Dashboard,
    summary: "A slider on the dashboard: it sends the number that somebody sets.",
    help: include_str!("slider.md"),
    examples: include_str!("slider.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Source,
    fields: &[
        GROUP,
        LABEL.default("\"slider\""),
        Field::number("min", "From", "The lowest number.").default("0"),
        Field::number("max", "To", "The highest number.").default("10"),
        Field::number("step", "Step", "Numbers between are not set. 0: any number.")
            .at_least(0.0)
            .default("1"),
        Field::choice(
            "outs",
            &[("all", "While it is moved"), ("end", "When it is let go")],
            "Send",
            "While it is moved, a few times a second.",
        )
        .default("\"all\""),
        TOPIC,
        Field::bool("passthru", "Pass on", "A message that comes in sets the slider; send it on as well.")
            .default("false"),
        ORDER,
        WIDTH,
        HEIGHT,
        kept("tooltip"),
        kept("thumbLabel"),
        kept("showTicks"),
        kept("iconPrepend"),
        kept("iconAppend"),
        kept("color"),
        kept("colorTrack"),
        kept("colorThumb"),
        kept("showTextField"),
        kept("className"),
    ],
};

const SETTINGS: &[Setting] = &[
    Setting::live("min", Kind::Number),
    Setting::live("max", Kind::Number),
    Setting::live("step", Kind::Number),
    Setting::fixed("outs", Kind::Text(WORD)),
    Setting::fixed("passthru", Kind::Flag),
];

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let topic = typed(config, "topic", "topicType", ("topic", "msg"))?;
    let face = Face::of(config, &DESCRIPTOR, SETTINGS)?;
    if face.number("min") >= face.number("max") {
        return Err(NodeError::config("/max", "the highest number is not above the lowest one"));
    }
    let passes = face.flag("passthru");
    let screen = Arc::new(Screen::new(State { face, value: None }));
    Ok(Built::transform(Slider { topic, passes, waits: false, screen: screen.clone() }).showing(screen))
}

struct Slider {
    topic: Typed,
    passes: bool,
    /// The value waits for a credit. Of several the newest is sent.
    waits: bool,
    screen: Arc<Screen<State>>,
}

struct State {
    face: Face,
    value: Option<f64>,
}

impl State {
    /// The number on the scale that is nearest.
    fn nearest(&self, number: f64) -> f64 {
        let of = |name: &str| self.face.number(name);
        let (low, high) = (of("min").unwrap_or(0.0), of("max").unwrap_or(10.0));
        let stepped = match of("step").filter(|step| *step > 0.0) {
            Some(step) => low + ((number - low) / step).round() * step,
            None => number,
        };
        // A message may have set the ends the wrong way round.
        let nearest = stepped.max(low).min(high.max(low));
        // 0.1 + 0.2 is nobody's step. A large number has no digits there to be rounded.
        if nearest.abs() < 1e6 { (nearest * 1e9).round() / 1e9 } else { nearest }
    }
}

impl Draw for State {
    fn draw(&self, since: Option<u64>) -> Object {
        let mut view = self.face.draw(since);
        view.insert("value", self.value.map_or(Value::Null, Value::number));
        view
    }

    fn accepts(&self, value: &Value) -> Result<Value, String> {
        if !self.face.is_enabled() {
            return Err("the slider cannot be moved now".to_string());
        }
        let number = matches!(value, Value::Int(_) | Value::Float(_)).then(|| value.to_number());
        match number.filter(|number| number.is_finite()) {
            Some(number) => Ok(Value::number(self.nearest(number))),
            None => Err(format!("a slider is set to a number, and this is {}", value.kind())),
        }
    }
}

impl Transform for Slider {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        self.screen.change(|state, mark| {
            state.face.update(&message.value, mark);
            match message.get("payload").map(Value::to_number) {
                None => Ok(()),
                Some(number) if number.is_finite() => {
                    state.value = Some(state.nearest(number));
                    Ok(())
                }
                Some(_) => Err(NodeError::rejected("a slider is set to a number, and msg.payload is none")),
            }
        })?;
        if let (true, Some(message)) = (self.passes, msg.take()) {
            cx.send(0, message);
        }
        Ok(())
    }

    fn action(&mut self, action: Action, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Action::Operate(value) = action else { return Ok(()) };
        self.screen.change(|state, _| state.value = Some(state.nearest(value.to_number())));
        self.send(cx)
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if self.waits { self.send(cx) } else { Ok(()) }
    }

    /// What somebody has set stays set.
    fn save(&self) -> Option<Value> {
        self.screen.look(|state| state.value.map(Value::number))
    }

    fn restore(&mut self, state: Value) {
        let number = state.to_number();
        if number.is_finite() {
            self.screen.change(|state, _| state.value = Some(state.nearest(number)));
        }
    }
}

impl Slider {
    fn send(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let value = self.screen.look(|state| state.value.map(Value::number));
        let mut msg = Object::new();
        sent(value, &self.topic, &mut msg, cx)?;
        self.waits = !cx.originate(0, msg);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Rig, assert_refused};

    fn value(rig: &Rig) -> serde_json::Value {
        rig.view(None).unwrap().1["value"].clone()
    }

    #[test]
    fn what_somebody_sets_is_sent_and_stays() {
        let mut rig = Rig::new(
            "ui-slider",
            json!({"min": 0, "max": 1, "step": "0.1", "topic": "speed", "topicType": "str"}),
        );
        rig.action(Action::Operate(Value::Float(0.3000001)));
        rig.host.credits = 0;
        rig.action(Action::Operate(Value::Float(0.7)));
        rig.action(Action::Operate(Value::Float(9.0)));
        assert_eq!(rig.sent(0), [json!({"payload": 0.3, "topic": "speed"})]);
        rig.resume(10);
        assert_eq!(rig.sent(0)[1..], [json!({"payload": 1, "topic": "speed"})], "the newest only");
        let saved = rig.node().save().unwrap();
        let mut anew = Rig::new("ui-slider", json!({"max": 100}));
        anew.node().restore(saved);
        assert_eq!(value(&anew), json!(1));
    }

    #[test]
    fn a_message_sets_it_and_goes_on_where_that_is_wanted() {
        let mut rig = Rig::new("ui-slider", json!({"passthru": true}));
        rig.send(json!({"payload": "4.4"}));
        assert_eq!((value(&rig), rig.sent(0)), (json!(4), vec![json!({"payload": "4.4"})]));
        rig.send(json!({"payload": "fast"}));
        assert_eq!((value(&rig), rig.host.errors.len()), (json!(4), 1));
        rig.send(json!({"ui_update": {"max": 3}, "enabled": false}));
        let shown = rig.shown.clone().unwrap();
        assert!(shown.accepts(&Value::Int(1)).is_err());
        rig.send(json!({"enabled": true}));
        assert_eq!(shown.accepts(&Value::Int(9)), Ok(Value::Int(3)));
        assert!(shown.accepts(&Value::str("1")).is_err() && shown.accepts(&Value::Null).is_err());
        assert_refused(Rig::try_new("ui-slider", json!({"min": 10, "max": 1})), "/max");
    }
}
