//! Subflows: none contains itself, and its ports lead to nodes that are in it.

use std::collections::{HashMap, HashSet};

use super::super::instance::{End, MOST_PORTS, ends, ports};
use super::super::model::FlowNode;
use super::super::problem::Severity;
use super::super::text::{kind, plain, quoted};
use super::{Report, wires};

pub(super) fn check(report: &mut Report<'_>) {
    let document = report.document;
    for subflow in document.nodes.iter().filter(|node| node.type_name == "subflow") {
        check_ports(report, subflow);
    }
    circles(report);
}

fn check_ports(report: &mut Report<'_>, subflow: &FlowNode) {
    for which in ["in", "out"] {
        if let Some(found) = subflow.property(which).filter(|found| !found.is_array()) {
            let message = format!("{}: expected a list of ports, found {}", quoted(which), kind(found));
            report.add(Severity::Error, "bad-port", subflow, &format!("/{which}"), message);
        }
    }
    for (at, wires) in ports(subflow, "in").iter().enumerate() {
        check_ends(report, subflow, &format!("input {}", at + 1), wires, true);
    }
    for (at, wires) in ports(subflow, "out").iter().enumerate() {
        check_ends(report, subflow, &format!("output {}", at + 1), wires, false);
    }
    check_ends(report, subflow, "status", &ends(subflow.property("status"), "/status"), false);
}

fn check_ends(report: &mut Report<'_>, subflow: &FlowNode, port: &str, ends: &[End<'_>], entry: bool) {
    for end in ends {
        if end.id == subflow.id && !entry {
            continue;
        }
        let Some(node) = report.index.get(end.id).filter(|node| node.z.as_deref() == Some(&subflow.id))
        else {
            let message = format!("its {port} is wired to {}, which is not in the subflow", quoted(end.id));
            let nodes = report.document.nodes.iter();
            let inside = nodes.filter(|node| node.z.as_deref() == Some(&subflow.id));
            let hint = report.did_you_mean(end.id, inside.map(|node| node.id.as_str()));
            report.add(Severity::Error, "wire-to-nowhere", subflow, &end.pointer, message).hint = hint;
            continue;
        };
        let outputs = wires::outputs(report, node).unwrap_or(MOST_PORTS as usize);
        if !entry && end.port >= outputs as u64 {
            let message =
                format!("its {port} is wired to output {} of {node}, which has {outputs}", end.port + 1);
            report.add(
                Severity::Warning,
                "too-many-wires",
                subflow,
                &format!("{}/port", end.pointer),
                message,
            );
        }
    }
}

/// Subflows that contain themselves, directly or through others: each circle once.
fn circles(report: &mut Report<'_>) {
    let document = report.document;
    let subflows: Vec<&FlowNode> = document.nodes.iter().filter(|node| node.type_name == "subflow").collect();
    let contents: HashMap<&str, Vec<&str>> = subflows
        .iter()
        .map(|subflow| {
            let mut seen = HashSet::new();
            let inside = report.index.inside(&subflow.id).iter().filter_map(|node| node.instance_of());
            (subflow.id.as_str(), inside.filter(|id| seen.insert(*id)).collect())
        })
        .collect();
    let mut done: HashSet<&str> = HashSet::new();
    for start in subflows {
        if done.contains(start.id.as_str()) {
            continue;
        }
        // A row of subflows, each in the one before, and how many of its contents have been looked at.
        let mut row: Vec<(&str, usize)> = vec![(&start.id, 0)];
        let mut on_row: HashSet<&str> = HashSet::from([start.id.as_str()]);
        while let Some((id, looked_at)) = row.last_mut() {
            let next = contents.get(id).and_then(|inside| inside.get(*looked_at)).copied();
            *looked_at += 1;
            match next {
                None => {
                    done.insert(id);
                    on_row.remove(*id);
                    row.pop();
                }
                Some(next) if on_row.contains(next) => {
                    let from = row.iter().position(|(id, _)| *id == next).unwrap_or(0);
                    let circle: Vec<&str> = row[from..].iter().map(|(id, _)| *id).chain([next]).collect();
                    circle_found(report, &circle);
                }
                Some(next) if !done.contains(next) && contents.contains_key(next) => {
                    on_row.insert(next);
                    row.push((next, 0));
                }
                Some(_) => {}
            }
        }
    }
}

fn circle_found(report: &mut Report<'_>, circle: &[&str]) {
    let name = |id: &&str| match report.index.get(id) {
        Some(subflow) if !subflow.name.is_empty() => quoted(&subflow.name),
        _ => plain(id),
    };
    let path = if circle.len() > 10 {
        let start: Vec<String> = circle[..8].iter().map(name).collect();
        format!("{} > ... > {}", start.join(" > "), name(&circle[0]))
    } else {
        circle.iter().map(name).collect::<Vec<_>>().join(" > ")
    };
    let Some(subflow) = report.index.get(circle[0]) else { return };
    let message = format!("the subflow contains itself: {path}");
    report.add(Severity::Error, "subflow-circle", subflow, "", message).hint =
        Some("take one of the instances out".to_string());
}
