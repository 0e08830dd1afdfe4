//! Every connector, with what it promises. `forgotten` finds one that is in no list.

mod amqp;
mod lines;
mod mqtt;
mod network;
mod web;

pub use network::tcp_out;

use serde_json::{Value as Json, json};

use tidegate_nodes::descriptor::Category;

use crate::subject::{Case, Place, Subject};

pub fn all() -> Vec<Subject> {
    [lines::subjects(), mqtt::subjects(), amqp::subjects(), network::subjects(), web::subjects()]
        .into_iter()
        .flatten()
        .collect()
}

/// What is looked at for what reaches it.
fn probes() -> [Json; 2] {
    ["p", "q"].map(|id| json!({"id": id, "type": "junction", "z": "t", "wires": []}))
}

fn flow(nodes: impl IntoIterator<Item = Json>) -> Vec<Json> {
    nodes.into_iter().chain(probes()).collect()
}

/// Nodes for networks that are put through their paces elsewhere, and where.
pub const ELSEWHERE: [(&str, &str); 1] =
    [("tcp request", "nodes/network/tcp_request_tests.rs: its answers are not numbered, bytes are")];

/// Nodes for networks that stand in no subject's flow.
pub fn forgotten(subjects: &[Subject]) -> Vec<&'static str> {
    let place = Place { name: String::new(), port: 1, direct: 1 };
    let flows: Vec<Json> = subjects.iter().flat_map(|subject| (subject.nodes)(&place)).collect();
    let is_here = |name: &str| {
        flows.iter().any(|node| node["type"] == name) || ELSEWHERE.iter().any(|(known, _)| *known == name)
    };
    let networks = tidegate_nodes::all().filter(|node| node.descriptor.category == Category::Network);
    networks.map(|node| node.descriptor.type_name).filter(|name| !is_here(name)).collect()
}

/// For those that are connected to, and acknowledge nothing.
fn another_connection(case: Case) -> Option<&'static str> {
    let is_broken = matches!(case, Case::Reset | Case::Silence | Case::GoneBeforeClose | Case::Flapping);
    is_broken
        .then_some("what a connection that broke has said may be under way beside what the next one says")
}
