//! Wires: where they lead, and whether there is a port for them.

use std::collections::HashMap;

use serde_json::Value as Json;
use tidegate_nodes::descriptor::Outputs;

use super::super::instance::MOST_PORTS;
use super::super::model::FlowNode;
use super::super::problem::Severity;
use super::super::text::{kind, quoted};
use super::Report;
use super::nodes::STRUCTURE;

pub(super) fn check(report: &mut Report<'_>) {
    let document = report.document;
    let mut by_name: HashMap<&str, &FlowNode> = HashMap::new();
    for node in document.nodes.iter().filter(|node| !node.name.is_empty()) {
        by_name.entry(&node.name).or_insert(node);
    }
    for node in &document.nodes {
        let Some(wires) = node.property("wires") else { continue };
        let Json::Array(ports) = wires else {
            bad_shape(report, node, "/wires", wires, "a list of outputs");
            continue;
        };
        too_many_ports(report, node, ports);
        for (port, targets) in ports.iter().enumerate() {
            let pointer = format!("/wires/{port}");
            let Json::Array(targets) = targets else {
                bad_shape(report, node, &pointer, targets, "a list of ids");
                continue;
            };
            for (at, target) in targets.iter().enumerate() {
                let pointer = format!("{pointer}/{at}");
                match target {
                    Json::String(id) => wire(report, node, id, &pointer, &by_name),
                    other => bad_shape(report, node, &pointer, other, "the id of a node"),
                }
            }
        }
    }
}

fn bad_shape(report: &mut Report<'_>, node: &FlowNode, pointer: &str, found: &Json, expected: &str) {
    let message = format!("its wires: expected {expected}, found {}", kind(found));
    report.add(Severity::Error, "bad-wires", node, pointer, message).hint =
        Some("wires are lists of ids in a list, one for each output: [[\"id\"]]".to_string());
}

fn wire(
    report: &mut Report<'_>,
    node: &FlowNode,
    id: &str,
    pointer: &str,
    by_name: &HashMap<&str, &FlowNode>,
) {
    let Some(target) = report.index.get(id) else {
        let message = format!("it is wired to {}, which is not in the document", quoted(id));
        let hint = match by_name.get(id) {
            Some(named) => Some(format!("wires name ids: did you mean {named}?")),
            None => {
                let others = report.document.nodes.iter().filter(|other| other.id != node.id);
                report.did_you_mean(id, others.map(|other| other.id.as_str()))
            }
        };
        report.add(Severity::Error, "wire-to-nowhere", node, pointer, message).hint = hint;
        return;
    };
    if !takes_messages(report, target) {
        let message = format!("it is wired to {target}, which takes no messages");
        report.add(Severity::Warning, "wire-to-no-input", node, pointer, message);
        return;
    }
    if node.z == target.z {
        return;
    }
    let inside_subflow =
        |node: &FlowNode| node.z.as_deref().is_some_and(|z| report.index.subflow(z).is_some());
    let (code, message) = if inside_subflow(target) {
        (
            "wire-into-subflow",
            format!("it is wired to {target}, which is inside a subflow; nothing gets there"),
        )
    } else if inside_subflow(node) {
        ("wire-out-of-subflow", format!("it is wired to {target}, out of its subflow; nothing gets there"))
    } else {
        ("wire-across-tabs", format!("it is wired to {target}, which is on another tab"))
    };
    let hint = match code {
        "wire-across-tabs" => "it works, but the editor cannot show it: use a link out and a link in",
        _ => "wires get into a subflow and out of it by its inputs and outputs",
    };
    report.add(Severity::Warning, code, node, pointer, message).hint = Some(hint.to_string());
}

fn takes_messages(report: &Report<'_>, node: &FlowNode) -> bool {
    if let Some(subflow) = node.instance_of().and_then(|id| report.index.subflow(id)) {
        let entries = subflow.property("in").and_then(Json::as_array);
        return entries.is_some_and(|entries| !entries.is_empty());
    }
    match tidegate_nodes::find(&node.type_name) {
        Some(node_type) => node_type.descriptor.inputs > 0,
        // Of a type that we do not know, that is not wrong too.
        None => !STRUCTURE.contains(&node.type_name.as_str()),
    }
}

/// Wires at a port that the node does not have.
fn too_many_ports(report: &mut Report<'_>, node: &FlowNode, ports: &[Json]) {
    let last_used = ports.iter().rposition(|port| port.as_array().is_some_and(|targets| !targets.is_empty()));
    let used = last_used.map_or(0, |last| last + 1);
    let Some(outputs) = outputs(report, node).filter(|outputs| *outputs < used) else { return };
    let has = match outputs {
        0 => "no output".to_string(),
        1 => "one output".to_string(),
        n => format!("{n} outputs"),
    };
    let message = format!("it has {has}, and wires at output {used}; nothing is sent there");
    report.add(Severity::Warning, "too-many-wires", node, &format!("/wires/{}", used - 1), message);
}

/// How many outputs it has, where that can be known.
pub(super) fn outputs(report: &Report<'_>, node: &FlowNode) -> Option<usize> {
    let length = |node: &FlowNode, list: &str| node.property(list).and_then(Json::as_array).map(Vec::len);
    if let Some(subflow) = node.instance_of() {
        return Some(length(report.index.subflow(subflow)?, "out").unwrap_or(0));
    }
    match tidegate_nodes::find(&node.type_name)?.descriptor.outputs {
        Outputs::Fixed(n) => Some(usize::from(n)),
        Outputs::ItemsOf(list) => length(node, list),
        Outputs::Field(name) => {
            let number = match node.property(name)? {
                Json::String(text) => text.trim().parse::<u64>().ok()?,
                other => other.as_u64()?,
            };
            usize::try_from(number.min(MOST_PORTS)).ok()
        }
        Outputs::Wires => None,
    }
}
