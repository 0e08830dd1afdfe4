//! Nodes that turn text into values and back: json, csv, template.

mod csv;
mod csv_common;
mod csv_legacy;
mod csv_rfc;
mod csv_rows;
mod json;
mod json_error;
mod json_schema;
pub(crate) mod mustache;
mod mustache_render;
mod template;
mod yaml_load;
mod yaml_scalar;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[csv::NODE, json::NODE, template::NODE];

/// What JavaScript's `\s` and `trim` take for white space.
fn is_js_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}
