//! The nodes of Tidegate, and the contract they are written to.
//!
//! Files here are the contract; folders are nodes, one family each. To add a node, copy the folder `_example`, and add
//! its name to the list below. Nothing else knows it: palette, form, validation, reference and tests come from the folder.

pub mod connector;
pub mod copies;
pub mod cx;
pub mod date;
pub mod descriptor;
pub mod error;
pub mod host;
mod json;
pub mod jsonata;
pub mod message;
pub mod node;
pub mod origin;
pub mod outbox;
pub mod packed;
pub mod path;
pub mod pattern;
pub mod read;
pub mod shown;
pub mod testing;
pub mod typed;
pub mod value;
pub mod web;

/// Declares the folders and lists what is in them, so that a folder takes one line.
macro_rules! folders {
    ($($(#[$condition:meta])* $folder:ident,)*) => {
        $($(#[$condition])* pub mod $folder;)*

        const FOLDERS: &[&[node::NodeType]] = &[$($(#[$condition])* $folder::NODES,)*];
    };
}

folders! {
    #[cfg(feature = "amqp")]
    amqp,
    common,
    dashboard,
    function,
    #[cfg(feature = "http")]
    http,
    lines,
    link,
    logic,
    #[cfg(feature = "mqtt")]
    mqtt,
    #[cfg(feature = "mqtt-server")]
    mqtt_server,
    network,
    parse,
    sequence,
    simulator,
    storage,
    time,
    #[cfg(feature = "tls")]
    tls,
    #[cfg(feature = "http")]
    websocket,
}

/// The folder to copy for a new family. It is in no gateway; this keeps it right.
#[cfg(test)]
pub mod _example;

/// Every node type that this gateway has.
pub fn all() -> impl Iterator<Item = &'static node::NodeType> {
    FOLDERS.iter().flat_map(|folder| folder.iter())
}

/// The node type of this name.
pub fn find(type_name: &str) -> Option<&'static node::NodeType> {
    all().find(|node| node.descriptor.type_name == type_name)
}
