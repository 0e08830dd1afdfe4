//! The contract of a node: what it is built from, and the trait a computing node fills in.
//! Nodes that talk to the world are in `connector.rs`.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::connector::{DynConnector, DynResource, Resource};
use crate::cx::Cx;
use crate::descriptor::Descriptor;
use crate::error::NodeError;
use crate::host::{Settings, TimerId};
use crate::message::Message;
use crate::shown::Shown;
use crate::value::{Object, Str, Value};

/// A node type: what it says about itself, and how one is built. Building opens nothing and spawns nothing.
#[derive(Clone, Copy)]
pub struct NodeType {
    pub descriptor: &'static Descriptor,
    pub build: fn(&NodeConfig) -> Result<Built, NodeError>,
}

impl fmt::Debug for NodeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.descriptor.type_name)
    }
}

/// A node that computes. It owns its state, does no I/O, takes no locks and spawns nothing.
///
/// The engine calls one method at a time, always from the lane of its tab.
pub trait Transform: Send {
    /// Handles one message. Take it out of `msg` to send it on; what is left there when you return is done.
    /// After an error the message that is left goes to Catch as it stands.
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError>;

    /// Called once when the node starts to run, before any message, in document order.
    fn start(&mut self, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Ok(())
    }

    /// A timer that this node set has come due.
    fn timer(&mut self, _id: TimerId, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Ok(())
    }

    /// A credit that `Cx::originate` could not get has come.
    fn resume(&mut self, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Ok(())
    }

    /// The answer to a call that this node made by `Cx::call`.
    fn returned(&mut self, _msg: Message, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Ok(())
    }

    /// A person or the API acts on the node: Inject's button with a message to merge in, Debug's switch, a widget.
    fn action(&mut self, _action: Action, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Ok(())
    }

    /// The node stops: the last chance to send or to set a status. Held messages that are dropped now are undelivered.
    fn close(&mut self, _cx: &mut Cx<'_>) {}

    /// Small state to carry over a restart, a panic or a change of the configuration.
    fn save(&self) -> Option<Value> {
        None
    }

    /// What `save` gave, from a node of the same type.
    fn restore(&mut self, _state: Value) {}
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Inject's button, with properties that override the configured ones.
    Inject(Object),
    /// Debug's switch.
    Activate(bool),
    /// Somebody uses its widget on the dashboard: what `Shown::accepts` gave for what they chose.
    Operate(Value),
}

/// What the build of a node gives.
pub struct Built {
    pub kind: Kind,
    pub listens: Option<Listen>,
    /// Ids of nodes that messages go to past the wires: the targets of a link out.
    pub links: Vec<String>,
    /// Whether a link call finds it.
    pub callable: bool,
    /// Whether its events say `"name": ""` where its name is empty. Node-RED leaves an empty name out, but some of its
    /// nodes set it themselves.
    pub tells_empty_name: bool,
    /// Which messages tell a connector itself what to do. They go to `Connector::command` at once: past its outbox, and
    /// also while its connection is away.
    pub commands: Option<fn(&Object) -> bool>,
    /// Of a resource: it is opened by itself, and stays open while it is in the flow, whether or not a node uses it.
    pub stands_alone: bool,
    /// What people are shown of it on the dashboard.
    pub shown: Option<Arc<dyn Shown>>,
}

pub enum Kind {
    Transform(Box<dyn Transform>),
    Connector(Box<dyn DynConnector>),
    Resource(Arc<dyn DynResource>),
    /// Documents the flow; nothing runs.
    Note,
}

/// The engine hands events of other nodes to this one.
#[derive(Debug, Clone, PartialEq)]
pub struct Listen {
    pub to: Event,
    pub scope: ListenScope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// `uncaught`: only errors that no other Catch took.
    Error {
        uncaught: bool,
    },
    Status,
    Complete,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ListenScope {
    /// All nodes of the flow.
    Flow,
    /// The nodes of its own group and the groups in it.
    Group,
    Nodes(Vec<String>),
}

impl Built {
    pub fn of(kind: Kind) -> Built {
        Built {
            kind,
            listens: None,
            links: Vec::new(),
            callable: false,
            tells_empty_name: false,
            commands: None,
            stands_alone: false,
            shown: None,
        }
    }

    pub fn transform(transform: impl Transform + 'static) -> Built {
        Built::of(Kind::Transform(Box::new(transform)))
    }

    pub fn connector(connector: impl crate::connector::Connector + 'static) -> Built {
        Built::of(Kind::Connector(Box::new(connector)))
    }

    pub fn resource(resource: impl Resource) -> Built {
        Built::of(Kind::Resource(Arc::new(resource)))
    }

    pub fn note() -> Built {
        Built::of(Kind::Note)
    }

    pub fn listening(mut self, to: Event, scope: ListenScope) -> Built {
        self.listens = Some(Listen { to, scope });
        self
    }

    pub fn linking(mut self, links: Vec<String>) -> Built {
        self.links = links;
        self
    }

    pub fn callable(mut self) -> Built {
        self.callable = true;
        self
    }

    pub fn commanded_by(mut self, is_command: fn(&Object) -> bool) -> Built {
        self.commands = Some(is_command);
        self
    }

    pub fn standing_alone(mut self) -> Built {
        self.stands_alone = true;
        self
    }

    pub fn showing(mut self, shown: Arc<dyn Shown>) -> Built {
        self.shown = Some(shown);
        self
    }

    pub fn telling_empty_name(mut self) -> Built {
        self.tells_empty_name = true;
        self
    }
}

/// One node as the document has it, environment filled in.
#[derive(Clone)]
pub struct NodeConfig {
    /// Unique in the running gateway; inside a subflow instance `<instance>-<node>`.
    pub id: Str,
    pub type_name: Str,
    pub name: Str,
    /// The tab it runs in.
    pub flow: Str,
    /// How many outputs the document's wires give it.
    pub outputs: usize,
    /// All its properties, as they stand in the flow file.
    pub properties: serde_json::Map<String, serde_json::Value>,
    pub settings: Arc<Settings>,
}

/// Properties can hold secrets, so they are not shown.
impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.type_name, self.id)
    }
}

impl NodeConfig {
    /// Reads the properties into a struct. The error's pointer says which property is wrong.
    ///
    /// Node-RED writes numbers and booleans as strings at times: read those with the functions in `read`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, NodeError> {
        serde_path_to_error::deserialize(&self.properties).map_err(|error| {
            let pointer: String = error
                .path()
                .iter()
                .map(|segment| match segment {
                    serde_path_to_error::Segment::Seq { index } => format!("/{index}"),
                    serde_path_to_error::Segment::Map { key } => {
                        format!("/{}", key.replace('~', "~0").replace('/', "~1"))
                    }
                    _ => String::new(),
                })
                .collect();
            NodeError::config(pointer, error.inner())
        })
    }

    pub fn property(&self, name: &str) -> Option<&serde_json::Value> {
        self.properties.get(name)
    }
}
