//! The document as it stands in a flow file. Nothing is lost in it: what we do not know is kept and written back.

use std::fmt;

use serde_json::{Map, Value as Json};

use super::text;

/// How large a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: u64,
    /// Nodes, with tabs, groups and everything else that stands in the array.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 64 * 1024 * 1024, nodes: 100_000 }
    }
}

/// A flow document: Node-RED's array, or its object with `flows` and `rev`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    pub nodes: Vec<FlowNode>,
    /// The revision that an object with `flows` came with.
    pub rev: Option<String>,
    /// Where the array stands in the text that was read: nothing, or `/flows`.
    pub base: &'static str,
}

/// One element of the array: a node, or a tab, a subflow, a group, a config node.
///
/// The fields beside `properties` are copies of what stands there, for those who look for them often.
#[derive(Clone, PartialEq)]
pub struct FlowNode {
    /// Its place in the array.
    pub index: usize,
    pub id: String,
    pub type_name: String,
    /// The tab or subflow it is in.
    pub z: Option<String>,
    /// The group it is in.
    pub g: Option<String>,
    /// `name`, or `label` of a tab.
    pub name: String,
    /// `d` of a node, `disabled` of a tab.
    pub disabled: bool,
    pub wires: Vec<Vec<String>>,
    /// Everything, as it was read and in its order, `id` and `type` included.
    pub properties: Map<String, Json>,
}

impl Document {
    /// The node of this id; the first when it is there twice.
    pub fn get(&self, id: &str) -> Option<&FlowNode> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The JSON pointer of a node of this document.
    pub fn pointer(&self, node: &FlowNode) -> String {
        format!("{}/{}", self.base, node.index)
    }
}

impl FlowNode {
    pub fn property(&self, name: &str) -> Option<&Json> {
        self.properties.get(name)
    }

    /// The subflow that this is an instance of.
    pub fn instance_of(&self) -> Option<&str> {
        self.type_name.strip_prefix("subflow:")
    }
}

/// Names the node to a person: `switch "Alarm 312?" (a1b2)`.
impl fmt::Display for FlowNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::plain(&self.type_name))?;
        if !self.name.is_empty() {
            write!(f, " {}", text::quoted(&self.name))?;
        }
        write!(f, " ({})", text::plain(&self.id))
    }
}

/// Properties can hold secrets, so they are not shown.
impl fmt::Debug for FlowNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.index)
    }
}
