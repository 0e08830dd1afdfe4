//! Builds every node of a plan once. What a node refuses is wrong, and is taken out of the plan.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::outbox::Outbox;

use super::super::plan::{Plan, PlanKind, PlanNode};
use super::super::problem::Problem;
use super::super::text::{plain, quoted};

pub(super) fn try_all(plan: &mut Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    // An instance's nodes refuse the same as another's: once is enough.
    let mut said: HashSet<(String, String)> = HashSet::new();
    let mut keep = |node: &PlanNode| {
        let Some(problem) = refused(node) else { return true };
        if said.insert((problem.pointer.clone(), problem.message.clone())) {
            problems.push(problem);
        }
        false
    };
    plan.resources.retain(&mut keep);
    for lane in &mut plan.lanes {
        lane.nodes.retain(|node| keep(node));
    }
    if !problems.is_empty() {
        plan.drop_loose_wires();
    }
    problems
}

fn refused(node: &PlanNode) -> Option<Problem> {
    let PlanKind::Node(node_type) = node.kind else { return None };
    // A node that panics here is a mistake in the node, and must not take the gateway down.
    let error = match catch_unwind(AssertUnwindSafe(|| {
        (node_type.build)(&node.config).map(drop)?;
        Outbox::of(node_type.descriptor, &node.config).map(drop)
    })) {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error,
        Err(_) => NodeError::fatal(
            "it panicked while it was built; this is a mistake in the node, please report it",
        ),
    };
    let below = match &error {
        NodeError::Config { pointer, .. } => pointer.as_str(),
        _ => "",
    };
    let message = format!("{}: {}", title(node), error.message());
    Some(
        Problem::error("bad-config", format!("{}{below}", node.pointer), message)
            .about(node.document_id.as_str()),
    )
}

/// As the node reads in the document: `switch "Alarm 312?" (a1b2)`.
fn title(node: &PlanNode) -> String {
    let name =
        if node.config.name.is_empty() { String::new() } else { format!(" {}", quoted(&node.config.name)) };
    format!("{}{name} ({})", plain(&node.config.type_name), plain(&node.document_id))
}
