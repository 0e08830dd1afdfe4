//! Secrets apart from the document: in the store they are sealed, and in exports and logs they do not stand at all.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tidegate_nodes::descriptor::{Field, FieldKind};

use super::model::{Document, FlowNode};
use super::text::escape;

/// The secrets of a document, by node id. Serialized, they are in plain text: seal what comes out.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credentials(BTreeMap<String, Secrets>);

/// The secrets of one node.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Secrets {
    /// What stood in its `credentials`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    credentials: Map<String, Json>,
    /// What stood elsewhere in it, by pointer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, Json>,
}

impl Credentials {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ids of the nodes that have secrets.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The names of a node's secrets, for an editor to show that they are set.
    pub fn names(&self, node: &str) -> Vec<&str> {
        let secrets = self.0.get(node).into_iter();
        secrets
            .flat_map(|secrets| secrets.credentials.keys().chain(secrets.properties.keys()))
            .map(String::as_str)
            .collect()
    }

    /// Forgets nodes that are not in the document any more.
    pub fn retain(&mut self, document: &Document) {
        let ids: std::collections::HashSet<&str> =
            document.nodes.iter().map(|node| node.id.as_str()).collect();
        self.0.retain(|id, _| ids.contains(id.as_str()));
    }
}

/// Only whose they are.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Takes the secrets out of a document: `credentials` of every node, fields that say they are secret, and settings of
/// type `cred`.
pub fn split(document: &mut Document) -> Credentials {
    let mut all = Credentials::default();
    for node in &mut document.nodes {
        let mut secrets = Secrets::default();
        if let Some(Json::Object(_)) = node.properties.get("credentials")
            && let Some(Json::Object(credentials)) = node.properties.shift_remove("credentials")
        {
            secrets.credentials = credentials;
        }
        for pointer in places(node) {
            if let Some(value) = take(&mut node.properties, &pointer) {
                secrets.properties.insert(pointer, value);
            }
        }
        if secrets != Secrets::default() {
            all.0.insert(node.id.clone(), secrets);
        }
    }
    all
}

/// Puts secrets back where they were. What the document itself brings stands, except Node-RED's placeholder for
/// "as it was".
pub fn merge(document: &mut Document, credentials: &Credentials) {
    for node in &mut document.nodes {
        let Some(secrets) = credentials.0.get(&node.id) else { continue };
        if !secrets.credentials.is_empty() {
            let place = node.properties.entry("credentials").or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(brought) = place {
                for (name, value) in &secrets.credentials {
                    if brought.get(name).is_none_or(is_placeholder) {
                        brought.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        for (pointer, value) in &secrets.properties {
            put(&mut node.properties, pointer, value);
        }
    }
}

/// Takes away what is empty: so an editor says that a secret is to go, where leaving it out would keep it.
pub fn drop_empty(document: &mut Document) {
    let is_empty = |value: &Json| value.as_str().is_some_and(|text| text.trim().is_empty());
    for node in &mut document.nodes {
        if let Some(Json::Object(credentials)) = node.properties.get_mut("credentials") {
            credentials.retain(|_, value| !is_empty(value));
            if credentials.is_empty() {
                node.properties.shift_remove("credentials");
            }
        }
        for pointer in places(node) {
            let empty = holder(&mut node.properties, &pointer)
                .is_some_and(|(object, key)| object.get(&key).is_some_and(is_empty));
            if empty {
                take(&mut node.properties, &pointer);
            }
        }
    }
}

/// A copy without secrets, for logs and exports.
pub fn redact(document: &Document) -> Document {
    let mut copy = document.clone();
    split(&mut copy);
    copy
}

/// Whether what stands at a pointer in a node is a secret.
pub(super) fn is_secret(node: &FlowNode, pointer: &str) -> bool {
    let below = |place: &str| {
        pointer == place || pointer.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
    };
    below("/credentials")
        || places(node).iter().any(|place| below(place) || place.starts_with(&format!("{pointer}/")))
}

/// Where a node has secrets, `credentials` apart.
fn places(node: &FlowNode) -> Vec<String> {
    let mut places = Vec::new();
    if let Some(node_type) = tidegate_nodes::find(&node.type_name) {
        in_fields(node_type.descriptor.fields, &node.properties, "", &mut places);
    }
    let settings = node.property("env").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    for (at, setting) in settings.iter().enumerate() {
        let is_secret = setting.get("type").and_then(Json::as_str) == Some("cred");
        if is_secret && setting.get("value").is_some() {
            places.push(format!("/env/{at}/value"));
        }
    }
    places
}

fn in_fields(fields: &'static [Field], object: &Map<String, Json>, pointer: &str, places: &mut Vec<String>) {
    for field in fields {
        let Some(value) = object.get(field.name) else { continue };
        let pointer = format!("{pointer}/{}", escape(field.name));
        if field.secret {
            places.push(pointer);
        } else if let (FieldKind::List(fields), Json::Array(items)) = (field.kind, value) {
            for (at, item) in items.iter().enumerate() {
                if let Json::Object(item) = item {
                    in_fields(fields, item, &format!("{pointer}/{at}"), places);
                }
            }
        } else if let (FieldKind::Group(fields), Json::Object(group)) = (field.kind, value) {
            in_fields(fields, group, &pointer, places);
        }
    }
}

fn is_placeholder(value: &Json) -> bool {
    value.as_str() == Some("__PWRD__")
}

/// The object that a pointer's last part is a key of, and the key.
fn holder<'p>(
    properties: &'p mut Map<String, Json>,
    pointer: &str,
) -> Option<(&'p mut Map<String, Json>, String)> {
    let unescape = |part: &str| part.replace("~1", "/").replace("~0", "~");
    let (way, key) = pointer
        .strip_prefix('/')?
        .rsplit_once('/')
        .map_or((None, &pointer[1..]), |(way, key)| (Some(way), key));
    let mut object = properties;
    if let Some(way) = way {
        let (first, rest) = way.split_once('/').map_or((way, None), |(first, rest)| (first, Some(rest)));
        let inner = object.get_mut(&unescape(first))?;
        let inner = match rest {
            Some(rest) => inner.pointer_mut(&format!("/{rest}"))?,
            None => inner,
        };
        object = inner.as_object_mut()?;
    }
    Some((object, unescape(key)))
}

fn take(properties: &mut Map<String, Json>, pointer: &str) -> Option<Json> {
    let (object, key) = holder(properties, pointer)?;
    object.shift_remove(&key)
}

fn put(properties: &mut Map<String, Json>, pointer: &str, value: &Json) {
    if let Some((object, key)) = holder(properties, pointer)
        && object.get(&key).is_none_or(is_placeholder)
    {
        object.insert(key, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model::Limits;
    use super::*;

    fn document() -> Document {
        let nodes = json!([
            {"id": "t", "type": "tab", "env": [
                {"name": "KEY", "type": "cred", "value": "hidden-one"},
                {"name": "SITE", "type": "str", "value": "hcmc"}
            ]},
            {"id": "b", "type": "some-broker", "credentials": {"user": "u", "password": "hidden-two"}, "z": "t"},
            {"id": "n", "type": "some-node", "z": "t"}
        ]);
        Document::from_json(nodes, &Limits::default()).unwrap()
    }

    #[test]
    fn secrets_leave_and_come_back() {
        let mut split_off = document();
        let credentials = split(&mut split_off);
        assert!(!split_off.to_json().contains("hidden"), "{}", split_off.to_json());
        assert_eq!(credentials.nodes().collect::<Vec<_>>(), ["b", "t"]);
        assert_eq!(credentials.names("b"), ["user", "password"]);
        merge(&mut split_off, &credentials);
        assert_eq!(split_off, document());
        assert_eq!(redact(&document()).to_json().matches("hidden").count(), 0);
    }

    #[test]
    fn what_a_deploy_brings_stands() {
        let mut old = document();
        let credentials = split(&mut old);
        let brought =
            json!([{"id": "b", "type": "some-broker", "credentials": {"user": "v", "password": "__PWRD__"}}]);
        let mut new = Document::from_json(brought, &Limits::default()).unwrap();
        merge(&mut new, &credentials);
        assert_eq!(new.nodes[0].properties["credentials"], json!({"user": "v", "password": "hidden-two"}));
    }

    #[test]
    fn what_is_left_out_stays_and_what_is_empty_goes() {
        let mut old = document();
        let credentials = split(&mut old);
        let brought = json!([
            {"id": "t", "type": "tab", "env": [{"name": "KEY", "type": "cred", "value": ""}]},
            {"id": "b", "type": "some-broker", "credentials": {"password": ""}}
        ]);
        let mut new = Document::from_json(brought, &Limits::default()).unwrap();
        merge(&mut new, &credentials);
        drop_empty(&mut new);
        let left = split(&mut new);
        assert_eq!((left.names("b"), left.names("t")), (vec!["user"], vec![]));
        let brought =
            json!([{"id": "b", "type": "some-broker", "credentials": {"user": " ", "password": ""}}]);
        let mut new = Document::from_json(brought, &Limits::default()).unwrap();
        merge(&mut new, &credentials);
        drop_empty(&mut new);
        assert!(new.nodes[0].property("credentials").is_none() && split(&mut new).is_empty());
    }

    #[test]
    fn nothing_that_is_printed_shows_them() {
        let document = document();
        let credentials = split(&mut document.clone());
        let printed = format!("{document:?} {credentials:?} {:?}", document.nodes[1]);
        assert!(!printed.contains("hidden"), "{printed}");
    }

    #[test]
    fn they_survive_the_store() {
        let credentials = split(&mut document());
        let text = serde_json::to_string(&credentials).unwrap();
        assert_eq!(serde_json::from_str::<Credentials>(&text).unwrap(), credentials);
    }
}
