//! Inside the gateway nothing is made twice: from log to log, and from a log into an outbox, over any kill.

use serde_json::json;

use crate::Arguments;
use crate::gateway::Gateway;
use crate::run::Run;
use crate::scenarios::{find_id, kills, none, passing};

pub fn once(arguments: &Arguments) -> bool {
    let outbox = json!({"mode": "always"});
    let mut run = Run::of(arguments, &[outbox], Gateway::flow_through_logs);
    kills(arguments, &mut run, 900, true);
    let (verdict, balanced) = run.verdict(&format!("through two logs, {} kills", arguments.kills), &none());
    let ids = |log: &str| -> Vec<u64> {
        let (_, lines) = run.gateway.ask(&["log", "read", log]);
        lines.iter().filter_map(find_id).collect()
    };
    let (first, second) = (ids("first"), ids("second"));
    let (_, queues) = run.gateway.ask(&["outbox", "ls"]);
    let appended: u64 = queues.iter().filter_map(|queue| queue["balance"]["appended"].as_u64()).sum();
    println!(
        "  {} in the first log, {} in the second, {appended} into the outbox",
        first.len(),
        second.len()
    );
    let acknowledged: usize = passing(&run.load.acknowledged());
    let same = first == second && appended == second.len() as u64 && first.len() >= acknowledged;
    if let Some(at) = first.iter().zip(&second).position(|(a, b)| a != b) {
        println!("  they differ from record {} on: {} and {}", at + 1, first[at], second[at]);
    }
    verdict.is_well() && balanced && same && !first.is_empty()
}
