//! What catch, status and complete share: the scope in their configuration.

use serde_json::Value as Json;

use crate::error::NodeError;
use crate::node::{ListenScope, NodeConfig};

/// Reads `scope`: a list of ids, `"group"`, or nothing.
pub fn scope(config: &NodeConfig) -> Result<Option<ListenScope>, NodeError> {
    match config.property("scope") {
        None | Some(Json::Null | Json::Bool(false)) => Ok(None),
        Some(Json::String(text)) if text.is_empty() => Ok(None),
        Some(Json::String(text)) if text == "group" => Ok(Some(ListenScope::Group)),
        Some(Json::Array(items)) => {
            let id = |(at, item): (usize, &Json)| {
                item.as_str().map(str::to_string).ok_or_else(|| {
                    NodeError::config(
                        format!("/scope/{at}"),
                        format!("expected the id of a node, found {item}"),
                    )
                })
            };
            Ok(Some(ListenScope::Nodes(items.iter().enumerate().map(id).collect::<Result<_, _>>()?)))
        }
        Some(other) => Err(NodeError::config(
            "/scope",
            format!("expected a list of node ids, \"group\" or null, found {other}"),
        )),
    }
}

/// Takes out the nodes that this one is wired to: they would answer each other for ever.
pub fn without_own_targets(scope: ListenScope, config: &NodeConfig) -> ListenScope {
    let ListenScope::Nodes(mut ids) = scope else { return scope };
    let wires = config.property("wires").and_then(Json::as_array).into_iter().flatten();
    let wired: Vec<&str> = wires.filter_map(Json::as_array).flatten().filter_map(Json::as_str).collect();
    ids.retain(|id| !wired.contains(&id.as_str()));
    ListenScope::Nodes(ids)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::node::{Event, Listen, ListenScope};
    use crate::testing::{MemoryHost, Rig, config};

    fn listens(type_name: &str, properties: serde_json::Value) -> Result<Listen, String> {
        let config = config(type_name, properties, &MemoryHost::default());
        let built = (crate::find(type_name).unwrap().build)(&config).map_err(|error| error.to_string())?;
        Ok(built.listens.unwrap())
    }

    #[test]
    fn scopes() {
        let ids = |ids: &[&str]| ListenScope::Nodes(ids.iter().map(|id| id.to_string()).collect());
        let error = |uncaught, scope| Listen { to: Event::Error { uncaught }, scope };
        for (type_name, properties, expected) in [
            ("catch", json!({}), error(false, ListenScope::Flow)),
            ("catch", json!({"scope": null, "uncaught": true}), error(true, ListenScope::Flow)),
            ("catch", json!({"scope": "group", "uncaught": "false"}), error(false, ListenScope::Group)),
            ("catch", json!({"scope": ["a", "b"], "wires": [["a"]]}), error(false, ids(&["a", "b"]))),
            ("status", json!({}), Listen { to: Event::Status, scope: ListenScope::Flow }),
            (
                "status",
                json!({"scope": ["a", "b", "c"], "wires": [["a", "b"]]}),
                Listen { to: Event::Status, scope: ids(&["c"]) },
            ),
            ("complete", json!({}), Listen { to: Event::Complete, scope: ids(&[]) }),
            (
                "complete",
                json!({"scope": ["a", "b"], "wires": [["b"]]}),
                Listen { to: Event::Complete, scope: ids(&["a"]) },
            ),
        ] {
            assert_eq!(listens(type_name, properties).unwrap(), expected, "{type_name}");
        }
        assert!(listens("catch", json!({"scope": "all"})).unwrap_err().starts_with("/scope: "));
        assert!(listens("status", json!({"scope": ["a", 1]})).unwrap_err().starts_with("/scope/1: "));
    }

    #[test]
    fn they_hand_on_what_the_engine_delivers() {
        for type_name in ["catch", "status", "complete"] {
            let mut rig = Rig::new(type_name, json!({"scope": ["a"]}));
            rig.send(json!({"payload": 1, "error": {"message": "m"}}));
            assert_eq!(rig.sent(0), [json!({"payload": 1, "error": {"message": "m"}})], "{type_name}");
        }
    }
}
