//! Ids, types, tabs and groups.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;
use tidegate_nodes::descriptor::Role;
use tidegate_nodes::outbox::Delivery;

use super::super::model::FlowNode;
use super::super::problem::{Problem, Severity};
use super::super::text::{plain, quoted, shown};
use super::Report;

/// Parts of a document that are no nodes of the palette.
pub(super) const STRUCTURE: &[&str] = &["tab", "subflow", "group", "global-config"];

/// Whether a flow may have a node of this type: one of the palette, a part of the document, or a subflow's instance.
pub fn is_known_type(name: &str) -> bool {
    STRUCTURE.contains(&name) || name.starts_with("subflow:") || tidegate_nodes::find(name).is_some()
}

pub(super) fn check(report: &mut Report<'_>) {
    let document = report.document;
    let mut first: HashMap<&str, &FlowNode> = HashMap::new();
    for node in &document.nodes {
        match first.get(node.id.as_str()) {
            Some(other) => duplicate(report, other, node),
            None => {
                first.insert(&node.id, node);
            }
        }
        known_type(report, node);
        place(report, node);
        group(report, node);
        if node.type_name == "group" {
            members(report, node);
        }
    }
    group_circles(report);
}

fn duplicate(report: &mut Report<'_>, first: &FlowNode, second: &FlowNode) {
    let document = report.document;
    let message = format!(
        "the id {} stands twice: {first} at {} and {second} at {}",
        plain(&first.id),
        document.pointer(first),
        document.pointer(second)
    );
    let pointer = format!("{}/id", document.pointer(second));
    let problem = Problem::error("duplicate-id", pointer, message).about(&second.id);
    report.problems.push(problem.hint("give one of them another id, and its wires with it"));
}

fn known_type(report: &mut Report<'_>, node: &FlowNode) {
    let name = node.type_name.as_str();
    if STRUCTURE.contains(&name) || tidegate_nodes::find(name).is_some() {
        return;
    }
    if let Some(subflow) = node.instance_of() {
        if report.index.subflow(subflow).is_none() {
            let subflows = report.document.nodes.iter().filter(|n| n.type_name == "subflow");
            let hint = report.did_you_mean(subflow, subflows.map(|n| n.id.as_str()));
            let message =
                format!("the subflow {} is not in the document; the node does not run", quoted(subflow));
            report.add(Severity::Disabled, "missing-subflow", node, "/type", message).hint = hint;
        }
        return;
    }
    let names = tidegate_nodes::all().map(|node| node.descriptor.type_name);
    let hint = report.did_you_mean(name, names);
    let message = format!("there is no node type {}; the node does not run, the rest does", quoted(name));
    report.add(Severity::Disabled, "unknown-type", node, "/type", message).hint = hint;
}

/// What a flow promises of its messages.
fn delivery(report: &mut Report<'_>, node: &FlowNode) {
    let Some(said) = node.property("delivery") else { return };
    let known = said.as_str().is_some_and(|said| said.is_empty() || Delivery::parse(said).is_some());
    if known {
        return;
    }
    let message = format!("delivery: there is no {}", shown(said));
    let hint = match said.as_str() {
        Some("exactly-once") => {
            "exactly once needs a sink with transactions, and none is there yet: at-least-once sends a name along by which repeats can be dropped"
                .to_string()
        }
        _ => format!("it is one of {}", Delivery::NAMES.map(quoted).join(", ")),
    };
    report.add(Severity::Error, "bad-delivery", node, "/delivery", message).hint = Some(hint);
}

/// The tab or subflow that a node is on.
fn place(report: &mut Report<'_>, node: &FlowNode) {
    if matches!(node.type_name.as_str(), "tab" | "subflow") {
        return delivery(report, node);
    }
    let Some(z) = node.z.as_deref() else {
        let role = tidegate_nodes::find(&node.type_name).map(|node_type| node_type.descriptor.role);
        if node.instance_of().is_some()
            || role.is_some_and(|role| !matches!(role, Role::Resource | Role::Note))
        {
            let message = "it is on no tab; it runs, but no editor shows it";
            report.add(Severity::Warning, "no-tab", node, "", message).hint =
                Some("put the id of a tab into \"z\"".to_string());
        }
        return;
    };
    if report.index.is_container(z) {
        return;
    }
    let message = match report.index.get(z) {
        None => format!("the tab {} is not in the document; the node runs on one of that name", quoted(z)),
        Some(other) => format!("\"z\" is the tab or subflow that the node is on, and {other} is neither"),
    };
    let containers =
        report.document.nodes.iter().filter(|n| matches!(n.type_name.as_str(), "tab" | "subflow"));
    let hint = report.did_you_mean(z, containers.map(|n| n.id.as_str()));
    report.add(Severity::Warning, "missing-tab", node, "/z", message).hint = hint;
}

/// The group that a node is in.
fn group(report: &mut Report<'_>, node: &FlowNode) {
    let Some(g) = node.g.as_deref() else { return };
    let message = match report.index.get(g) {
        None => format!("the group {} is not in the document", quoted(g)),
        Some(other) if other.type_name != "group" => {
            format!("\"g\" is the group of the node, and {other} is none")
        }
        Some(group) if group.z != node.z => format!("{group} is on another tab"),
        Some(_) => return,
    };
    report.add(Severity::Warning, "missing-group", node, "/g", message).hint =
        Some("the node runs as if it were in no group".to_string());
}

fn members(report: &mut Report<'_>, group: &FlowNode) {
    let members = group.property("nodes").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    for (at, member) in members.iter().enumerate() {
        let Some(id) = member.as_str().filter(|id| report.index.get(id).is_none()) else { continue };
        let message = format!("it lists {}, which is not in the document", quoted(id));
        report.add(Severity::Warning, "missing-member", group, &format!("/nodes/{at}"), message);
    }
}

/// Groups that are in each other.
fn group_circles(report: &mut Report<'_>) {
    let mut done: HashSet<&str> = HashSet::new();
    let document = report.document;
    for group in document.nodes.iter().filter(|node| node.type_name == "group") {
        let mut row: Vec<&FlowNode> = Vec::new();
        let mut on_row: HashSet<&str> = HashSet::new();
        let mut next = Some(group);
        while let Some(group) =
            next.filter(|group| group.type_name == "group" && !done.contains(group.id.as_str()))
        {
            if !on_row.insert(&group.id) {
                let message = "the group is inside itself";
                report.add(Severity::Error, "group-circle", group, "/g", message);
                break;
            }
            row.push(group);
            next = group.g.as_deref().and_then(|g| report.index.get(g));
        }
        done.extend(row.iter().map(|group| group.id.as_str()));
    }
}
