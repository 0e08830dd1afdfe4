//! Link nodes: wires that are not drawn, and flows that are called.

mod link_call;
mod link_in;
mod link_out;

use crate::node::NodeType;
use crate::value::{Object, Value};

pub const NODES: &[NodeType] = &[link_in::NODE, link_out::NODE, link_call::NODE];

/// Where a message keeps the calls that it is on: a stack of `{id, node}`, as in Node-RED.
const CALLS: &str = "_linkSource";

/// The innermost call that a message is on: the id of the call and the node that made it.
fn innermost(msg: &Object) -> Option<(&str, &str)> {
    let call = msg.get(CALLS)?.as_array()?.last()?;
    Some((call.get("id")?.as_str()?, call.get("node")?.as_str()?))
}

/// Takes the innermost call off the stack, and the stack away with the last.
fn pop(msg: &mut Object) {
    let left = msg.get_mut(CALLS).and_then(Value::as_array_mut).map(|calls| {
        calls.pop();
        calls.len()
    });
    if left == Some(0) {
        msg.remove(CALLS);
    }
}

/// Puts a call on the stack.
fn push(msg: &mut Object, id: &str, node: &str) {
    let mut call = Object::with_capacity(2);
    call.insert("id", id);
    call.insert("node", node);
    match msg.get_mut(CALLS).and_then(Value::as_array_mut) {
        Some(calls) => calls.push(Value::Object(call)),
        None => msg.insert(CALLS, vec![Value::Object(call)]),
    }
}
