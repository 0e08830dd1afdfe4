//! Messages that tell the nodes what to do: connect, disconnect, subscribe, unsubscribe.

use serde_json::Value as Json;

use super::broker::Broker;
use super::message::DataType;
use super::packet::{Qos, SubscribeOptions};
use super::topic;
use crate::error::NodeError;
use crate::value::{Object, Value};

/// `connect` and `disconnect`, which both nodes know. `None`: it is another action.
pub fn switch(broker: &Broker, msg: &Object) -> Option<Result<(), NodeError>> {
    match msg.get("action").and_then(Value::as_str)? {
        "connect" => {
            let change = msg.get("broker").filter(|change| change.as_object().is_some());
            let Some(change) = change else {
                return Some(if broker.is_wanted() { Ok(()) } else { broker.switch_on(None) });
            };
            let force = change.get("force").is_some_and(Value::truthy);
            if broker.is_wanted() && !force {
                let text = "the broker is connected or connecting already: set msg.broker.force to change its settings";
                return Some(Err(NodeError::rejected(text)));
            }
            let change = serde_json::to_value(change).unwrap_or(Json::Null);
            // Where a setting is wrong the place is in the message, not in the flow.
            Some(
                broker
                    .switch_on(Some(&change))
                    .map_err(|error| NodeError::rejected(format!("msg.broker: {error}"))),
            )
        }
        "disconnect" => {
            broker.switch_off();
            Some(Ok(()))
        }
        _ => None,
    }
}

/// A subscription that a message asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub filter: String,
    pub options: SubscribeOptions,
    pub kind: Option<DataType>,
    /// As `getSubscriptions` tells it.
    pub told: Object,
}

/// What `msg.topic` names: a topic, an object with a topic and options, or a list of these.
pub fn subscriptions(topic: Option<&Value>, is_v5: bool) -> Result<Vec<Wanted>, NodeError> {
    let one = std::slice::from_ref(topic.unwrap_or(&Value::Null));
    let all = match topic {
        Some(Value::Array(all)) => &all[..],
        _ => one,
    };
    all.iter().map(|one| subscription(one, is_v5)).collect()
}

fn subscription(said: &Value, is_v5: bool) -> Result<Wanted, NodeError> {
    let mut told = match said {
        Value::Str(topic) => {
            let mut told = Object::new();
            told.insert("topic", topic.clone());
            told
        }
        Value::Object(said) => said.clone(),
        _ => {
            let text = "msg.topic has to be a topic, an object with a topic, or a list of these";
            return Err(NodeError::rejected(text));
        }
    };
    let filter = told.get("topic").and_then(Value::as_str).unwrap_or_default().to_string();
    if let Some(wrong) = topic::wrong_filter(&filter) {
        return Err(NodeError::rejected(format!("cannot subscribe to {filter:?}: {wrong}")));
    }
    let whole = |name: &str, default: i64| {
        let number = told.get(name).map(Value::to_number).filter(|n| (0.0..=2.0).contains(n));
        number.map_or(default, |n| n as i64)
    };
    let flag = |name: &str, default: bool| match told.get(name) {
        Some(Value::Bool(set)) => *set,
        Some(Value::Str(text)) => text == "true",
        _ => default,
    };
    let options = SubscribeOptions {
        qos: Qos::of(whole("qos", 2)).unwrap_or_default(),
        no_local: is_v5 && flag("nl", false),
        retain_as_published: is_v5 && flag("rap", true),
        retain_handling: if is_v5 { whole("rh", 0) as u8 } else { 0 },
    };
    let kind = match told.get("datatype").and_then(Value::as_str) {
        None => None,
        Some(name) => Some(DataType::of(name).ok_or_else(|| {
            NodeError::rejected(format!(
                "unknown datatype {name:?}: use auto-detect, auto, utf8, buffer, base64 or json"
            ))
        })?),
    };
    told.insert("qos", Value::Int(options.qos as i64));
    if is_v5 {
        told.insert("rh", Value::Int(i64::from(options.retain_handling)));
        told.insert("rap", options.retain_as_published);
    }
    Ok(Wanted { filter, options, kind, told })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(topic: Json, is_v5: bool) -> Result<Vec<Wanted>, NodeError> {
        subscriptions(Some(&Value::from(&topic)), is_v5)
    }

    #[test]
    fn topics_objects_and_lists_are_understood() {
        let all = of(json!(["a/#", {"topic": "b", "qos": 1, "nl": true, "datatype": "json"}]), true).unwrap();
        assert_eq!((all[0].filter.as_str(), all[0].options.qos), ("a/#", Qos::ExactlyOnce));
        assert_eq!(
            (all[1].options.qos, all[1].options.no_local, all[1].kind),
            (Qos::AtLeastOnce, true, Some(DataType::Json))
        );
        let old = of(json!({"topic": "b", "qos": "0", "nl": true}), false).unwrap();
        assert_eq!((old[0].options.qos, old[0].options.no_local), (Qos::AtMostOnce, false));
    }

    #[test]
    fn what_is_no_subscription_is_refused_with_a_reason() {
        for (topic, part) in [
            (json!(5), "msg.topic"),
            (json!("a#"), "a#"),
            (json!({"qos": 1}), "no topic"),
            (json!({"topic": "a", "datatype": "x"}), "datatype"),
        ] {
            let error = of(topic, true).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(subscriptions(None, true).is_err());
    }
}
