//! What changed between two documents, for a person to read.
use super::model::Document;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PropertyChange {
    pub pointer: String,
    pub old: Option<serde_json::Value>,
    pub new: Option<serde_json::Value>,
}
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Change {
    Added,
    Removed,
}
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Diff {
    pub changes: Vec<Change>,
}
impl Diff {
    pub fn between(old: &Document, new: &Document) -> Diff {
        let _ = (old, new);
        unimplemented!()
    }
}
