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
    /// What its settings of type `cred` were, by their names: people put settings in another order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, Json>,
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

    /// The names of a node's secrets, for an editor to show that they are set. Those of settings are `/env/NAME`.
    pub fn names(&self, node: &str) -> Vec<String> {
        let Some(secrets) = self.0.get(node) else { return Vec::new() };
        let settings = secrets.env.keys().map(|name| format!("/env/{}", escape(name)));
        secrets.credentials.keys().chain(secrets.properties.keys()).cloned().chain(settings).collect()
    }

    /// Earlier versions kept settings by their place in the document that these secrets are of.
    pub fn by_name(mut self, document: &Document) -> Credentials {
        for node in &document.nodes {
            let Some(secrets) = self.0.get_mut(&node.id) else { continue };
            let settings =
                node.property("env").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            for (at, setting) in settings.iter().enumerate() {
                if let Some(name) = setting_name(setting)
                    && let Some(value) = secrets.properties.remove(&format!("/env/{at}/value"))
                {
                    secrets.env.insert(name.to_string(), value);
                }
            }
        }
        self
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
            let Some(value) = take(&mut node.properties, &pointer) else { continue };
            match setting_at(&node.properties, &pointer).and_then(setting_name) {
                Some(name) => drop(secrets.env.insert(name.to_string(), value)),
                None => drop(secrets.properties.insert(pointer, value)),
            }
        }
        if secrets != Secrets::default() {
            all.0.insert(node.id.clone(), secrets);
        }
    }
    all
}

/// Puts secrets back where they were. What the document itself brings stands, except Node-RED's placeholder for
/// "as it was". A setting that was renamed says what it was called (`was`), for it is found by its name.
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
        for setting in secret_settings(node) {
            // Names may have been swapped, so what it was called comes first.
            let name = setting.get("was").or_else(|| setting.get("name")).and_then(Json::as_str);
            if let Some(value) = name.and_then(|name| secrets.env.get(name)).cloned()
                && setting.get("value").is_none_or(is_placeholder)
            {
                setting.insert("value".to_string(), value);
                setting.shift_remove("was");
            }
        }
    }
}

/// Takes away what is empty: so an editor says that a secret is to go, where leaving it out would keep it. What settings
/// were called is known no more from here on.
pub fn drop_empty(document: &mut Document) {
    let is_empty = |value: &Json| value.as_str().is_some_and(|text| text.trim().is_empty());
    for node in &mut document.nodes {
        if let Some(Json::Object(credentials)) = node.properties.get_mut("credentials") {
            credentials.retain(|_, value| !is_empty(value));
            if credentials.is_empty() {
                node.properties.shift_remove("credentials");
            }
        }
        secret_settings(node).for_each(|setting| drop(setting.shift_remove("was")));
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

/// The settings of a node that are secret.
fn secret_settings(node: &mut FlowNode) -> impl Iterator<Item = &mut Map<String, Json>> {
    let settings = node.properties.get_mut("env").and_then(Json::as_array_mut).into_iter().flatten();
    settings
        .filter_map(Json::as_object_mut)
        .filter(|setting| setting.get("type").and_then(Json::as_str) == Some("cred"))
}

/// The setting whose value stands at a pointer.
fn setting_at<'p>(properties: &'p Map<String, Json>, pointer: &str) -> Option<&'p Json> {
    let at = pointer.strip_prefix("/env/")?.strip_suffix("/value")?.parse::<usize>().ok()?;
    properties.get("env")?.get(at)
}

fn setting_name(setting: &Json) -> Option<&str> {
    setting.get("name").and_then(Json::as_str)
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
        assert_eq!((left.names("b"), left.names("t")), (vec!["user".to_string()], vec![]));
        let brought =
            json!([{"id": "b", "type": "some-broker", "credentials": {"user": " ", "password": ""}}]);
        let mut new = Document::from_json(brought, &Limits::default()).unwrap();
        merge(&mut new, &credentials);
        drop_empty(&mut new);
        assert!(new.nodes[0].property("credentials").is_none() && split(&mut new).is_empty());
    }

    fn settings(settings: Json) -> Document {
        let tab = json!([{"id": "t", "type": "tab", "env": settings}]);
        Document::from_json(tab, &Limits::default()).unwrap()
    }

    /// After a deploy of `new` where `old` ran: what its settings are.
    fn deployed(old: Json, new: Json) -> Json {
        let (mut old, mut new) = (settings(old), settings(new));
        merge(&mut new, &split(&mut old));
        drop_empty(&mut new);
        new.nodes[0].properties["env"].clone()
    }

    #[test]
    fn a_secret_setting_keeps_its_value_in_another_place_and_under_another_name() {
        let two =
            json!([{"name": "A", "type": "cred", "value": "a"}, {"name": "B", "type": "cred", "value": "b"}]);
        let turned = json!([{"name": "B", "type": "cred"}, {"name": "N", "type": "str", "value": "n"}, {"name": "A", "type": "cred"}]);
        assert_eq!(
            deployed(two.clone(), turned),
            json!([{"name": "B", "type": "cred", "value": "b"}, {"name": "N", "type": "str", "value": "n"}, {"name": "A", "type": "cred", "value": "a"}])
        );
        // One that has gone leaves its value to nobody; what is no secret any more gets none.
        let gone = json!([{"name": "C", "type": "cred"}, {"name": "B", "type": "str"}]);
        assert_eq!(deployed(two.clone(), gone.clone()), gone);
        let renamed =
            json!([{"name": "C", "type": "cred", "was": "A"}, {"name": "A", "type": "cred", "was": "B"}]);
        assert_eq!(
            deployed(two.clone(), renamed),
            json!([{"name": "C", "type": "cred", "value": "a"}, {"name": "A", "type": "cred", "value": "b"}]),
            "also where a name has gone from one to another"
        );
        let typed = json!([{"name": "C", "type": "cred", "was": "A", "value": "new"}, {"name": "D", "type": "cred", "was": "X"}]);
        assert_eq!(
            deployed(two, typed),
            json!([{"name": "C", "type": "cred", "value": "new"}, {"name": "D", "type": "cred"}])
        );
    }

    #[test]
    fn secrets_that_an_earlier_version_has_kept_by_place_are_found_by_name() {
        let stored = json!({"t": {"properties": {"/env/1/value": "b", "/other": "x"}}});
        let stored: Credentials = serde_json::from_value(stored).unwrap();
        let old =
            settings(json!([{"name": "A", "type": "str", "value": "a"}, {"name": "B/b", "type": "cred"}]));
        let stored = stored.by_name(&old);
        assert_eq!(stored.names("t"), ["/other", "/env/B~1b"]);
        let mut new = settings(json!([{"name": "B/b", "type": "cred"}]));
        merge(&mut new, &stored);
        assert_eq!(new.nodes[0].properties["env"][0]["value"], "b");
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
