//! Secrets apart from the document.
use super::model::Document;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Secret properties by node id.
#[derive(Clone, Default, PartialEq)]
pub struct Credentials(pub BTreeMap<String, Map<String, Json>>);

/// Takes the secrets out of a document: `credentials` of every node, and fields that say they are secret.
pub fn split(document: &mut Document) -> Credentials {
    let _ = document;
    unimplemented!()
}

/// Puts secrets back where they were; what the document itself brings stands.
pub fn merge(document: &mut Document, credentials: &Credentials) {
    let _ = (document, credentials);
}

/// A copy without secrets, for logs and exports.
pub fn redact(document: &Document) -> Document {
    document.clone()
}
