//! What every widget has: its type, its place on a page, its label, and the properties by which it is drawn.

use serde_json::Value as Json;

use super::setting::{Kind, LABEL, Setting, WORD};
use crate::descriptor::Descriptor;
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::value::{Object, Value};

const COMMON: &[Setting] = &[
    Setting::fixed("group", Kind::Text(256)),
    Setting::fixed("order", Kind::Number),
    Setting::fixed("width", Kind::Number),
    Setting::fixed("height", Kind::Number),
    Setting::live("label", Kind::Text(LABEL)),
];

pub struct Face {
    shown: Object,
    settings: &'static [Setting],
    enabled: bool,
    /// The mark of the last change.
    changed: u64,
}

impl Face {
    /// Of the properties in the flow file; those that are not there have the default of their field.
    pub fn of(
        config: &NodeConfig,
        descriptor: &'static Descriptor,
        settings: &'static [Setting],
    ) -> Result<Face, NodeError> {
        let mut shown = Object::new();
        shown.insert("type", descriptor.type_name);
        shown.insert(
            "name",
            Kind::Text(WORD).bounded(&Value::Str(config.name.clone())).unwrap_or(Value::Null),
        );
        for setting in COMMON.iter().chain(settings) {
            let default = descriptor.fields.iter().find(|field| field.name == setting.name);
            let default = || default?.default.and_then(|text| serde_json::from_str::<Json>(text).ok());
            let property = config.property(setting.name).filter(|value| !value.is_null()).cloned();
            let Some(value) = property.or_else(default) else { continue };
            let bounded = setting.kind.bounded(&Value::from(&value)).ok_or_else(|| {
                NodeError::config(format!("/{}", setting.name), format!("{value} cannot be shown as this"))
            })?;
            shown.insert(setting.name, bounded);
        }
        Ok(Face { shown, settings, enabled: true, changed: 0 })
    }

    pub fn number(&self, name: &str) -> Option<f64> {
        self.shown.get(name).and_then(Value::as_f64)
    }

    pub fn text(&self, name: &str) -> &str {
        self.shown.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.shown.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// What a message changes of it: `ui_update` with properties, `enabled`. Whatever makes no sense is passed over.
    pub fn update(&mut self, msg: &Object, mark: u64) {
        if let Some(Value::Bool(enabled)) = msg.get("enabled") {
            self.enabled = *enabled;
            self.changed = mark;
        }
        let Some(updates) = msg.get("ui_update").and_then(Value::as_object) else { return };
        for setting in COMMON.iter().chain(self.settings).filter(|setting| setting.live) {
            if let Some(value) = updates.get(setting.name).and_then(|value| setting.kind.bounded(value)) {
                self.shown.insert(setting.name, value);
                self.changed = mark;
            }
        }
    }

    /// Begins a view: with all properties where any has changed.
    pub fn draw(&self, since: Option<u64>) -> Object {
        if since.is_some_and(|since| since >= self.changed) {
            return Object::new();
        }
        let mut view = self.shown.clone();
        view.insert("enabled", self.enabled);
        view
    }
}

/// Whether a message only changes how a widget looks.
pub fn is_only_an_update(msg: &Object) -> bool {
    !msg.contains_key("payload") && (msg.contains_key("ui_update") || msg.contains_key("enabled"))
}
