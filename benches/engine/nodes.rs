//! What nodes cost, by the slope of chains of them: the cost of getting in and out of the engine drops out.

use serde_json::Value as Json;
use tidegate_nodes::value::{Object, Value};

use crate::bed::{Bed, best, slope};
use crate::flows::{self, Flow, junction, many};
use crate::report::Row;
use crate::yardsticks::{self, Yardsticks};
use crate::{Suite, missing};

const CHAINS: &str = "each further node, CPU a message";

/// The lengths of the chains, beside the junctions at both ends.
const LENGTHS: [usize; 5] = [0, 10, 20, 30, 40];

pub fn chains(suite: &Suite, yardsticks: &Yardsticks) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, kind, goal, compared) in [
        ("change: set a property to a text", flows::change(), Some(0.10), "change"),
        ("switch: one rule, a number", flows::switch(), Some(0.10), "switch"),
        ("change: set a property from another", flows::change_from_message(), None, ""),
        ("switch: five rules, text", flows::switch_of_five(), None, ""),
        ("junction: the engine's own part", junction(), None, ""),
    ] {
        if let Some(why) = missing(&kind) {
            rows.push(Row::skipped(CHAINS, what, why));
            continue;
        }
        let costs = costs_of_chains(suite, &kind, flows::alarm_message)?;
        let each = slope(&costs);
        let mut row = Row::figure(CHAINS, what, each, "us").detail("chains", points(&costs));
        if let Some(goal) = goal {
            row = row.at_most(goal);
        }
        rows.push(yardsticks.compare(row, each, compared));
    }
    Ok(rows)
}

fn costs_of_chains(suite: &Suite, kind: &Json, make: fn(u64) -> Object) -> anyhow::Result<Vec<(f64, f64)>> {
    let beds = LENGTHS.iter().map(|&length| chain(&many(kind, length), make));
    let mut beds = beds.collect::<anyhow::Result<Vec<Bed>>>()?;
    let costs = best(&mut beds, suite.rounds(30), 8)?;
    for bed in &beds {
        bed.expect_at("end", 1)?;
    }
    Ok(LENGTHS.iter().map(|&length| length as f64).zip(costs).collect())
}

/// A junction, the nodes in a row, a junction.
fn chain(kinds: &[Json], make: fn(u64) -> Object) -> anyhow::Result<Bed> {
    let mut flow = Flow::new();
    flow.add("in", &junction(), &[&[if kinds.is_empty() { "end" } else { "n0" }]]);
    flow.add_chain("n", kinds, &["end"]);
    flow.add("end", &junction(), &[&[]]);
    Bed::new(&flow.to_json(), "in", make)
}

fn points(points: &[(f64, f64)]) -> Json {
    points.iter().map(|(x, y)| Json::from(vec![*x, *y])).collect()
}

const FUNCTIONS: &str = "function in rhai, CPU a message";

pub fn functions(suite: &Suite, yardsticks: &Yardsticks) -> anyhow::Result<Vec<Row>> {
    let (builds, filters) = (flows::function_that_builds(true), flows::function_that_filters(true));
    let whats = [
        "reads four fields, compares, builds an object",
        "filter: msg.payload.alarm_id == 312",
        "the same filter on 10 kB, times of 200 bytes",
        "JSON text -> json -> function filter",
    ];
    if let Some(why) = missing(&builds) {
        return Ok(whats.map(|what| Row::skipped(FUNCTIONS, what, &why)).into());
    }
    let plain = || chain(&[], flows::alarm_message);
    let text: fn(u64) -> Object = |n| flows::message(n, Value::from(flows::alarm_text(n, 312)));
    let large: fn(u64) -> Object = |n| flows::large_message(n, 100);
    let json = serde_json::json!({"type": "json", "property": "payload", "action": "", "pretty": false});
    let mut beds = vec![
        plain()?,
        chain(&[builds], flows::alarm_message)?,
        chain(std::slice::from_ref(&filters), flows::alarm_message)?,
        chain(&[], large)?,
        chain(std::slice::from_ref(&filters), large)?,
        chain(&[], text)?,
        chain(&[json, filters], text)?,
    ];
    let costs = best(&mut beds, suite.rounds(30), 8)?;
    for bed in &beds {
        bed.expect_at("end", 1)?;
    }
    let (build, filter) = (costs[1] - costs[0], costs[2] - costs[0]);
    let (filter_large, parse) = (costs[4] - costs[3], costs[6] - costs[5]);
    let row = Row::figure(FUNCTIONS, whats[0], build, "us").at_most(2.0);
    let mut rows = vec![yardsticks.compare(row, build, "function")];
    rows.push(Row::figure(FUNCTIONS, whats[1], filter, "us"));
    // A conversion, or a copy, of the message would show as ten times and more.
    let row = Row::figure(FUNCTIONS, whats[2], filter_large / filter, "x").at_most(1.5);
    rows.push(row.note("no conversion").detail("us", filter_large));
    let row = Row::figure(FUNCTIONS, whats[3], parse, "us").detail("messages", beds[6].fed());
    rows.push(match yardsticks.floor("parse and filter") {
        Some(floor) => row.note(format!("{} x floor", yardsticks::times(parse / floor))),
        None => row,
    });
    Ok(rows)
}

const FAN_OUT: &str = "fan-out, CPU a wire";

/// A node with 50 wires; the nodes behind them end the message.
pub fn fan_out(suite: &Suite) -> anyhow::Result<Vec<Row>> {
    let small: fn(u64) -> Object = flows::alarm_message;
    let large: fn(u64) -> Object = |n| flows::large_message(n, 100);
    let mut beds = vec![fan(0, small)?, fan(50, small)?, fan(0, large)?, fan(50, large)?];
    let costs = best(&mut beds, suite.rounds(30), 4)?;
    beds[3].expect_at("w49", 1)?;
    let (small, large) = ((costs[1] - costs[0]) * 20.0, (costs[3] - costs[2]) * 20.0);
    Ok(vec![
        Row::figure(FAN_OUT, "10 kB to 50 wires, the nodes behind them included", large, "ns").at_most(60.0),
        Row::figure(FAN_OUT, "the same, times of 200 bytes", large / small, "x")
            .at_most(1.25)
            .note("no copy")
            .detail("ns", small),
    ])
}

fn fan(wires: usize, make: fn(u64) -> Object) -> anyhow::Result<Bed> {
    let mut flow = Flow::new();
    let names: Vec<String> = (0..wires).map(|at| format!("w{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    flow.add("in", &junction(), &[&names]);
    for name in names {
        flow.add(name, &junction(), &[&[]]);
    }
    Bed::new(&flow.to_json(), "in", make)
}

const SPLIT: &str = "split";

/// An array of a million numbers, cut up: its pieces are pulled, never all in memory.
pub fn split(suite: &Suite) -> anyhow::Result<Vec<Row>> {
    let kind = serde_json::json!({"type": "split", "splt": "\\n", "spltType": "str", "arraySplt": 1,
        "arraySpltType": "len", "stream": false, "addname": "", "property": "payload"});
    let whats = ["a piece of an array of 1,000,000", "memory that its pieces take at most"];
    if let Some(why) = missing(&kind) {
        return Ok(whats.map(|what| Row::skipped(SPLIT, what, &why)).into());
    }
    let count: usize = if suite.quick { 100_000 } else { 1_000_000 };
    let items: Vec<Value> = (0..count).map(|n| Value::from(n as i64)).collect();
    let mut flow = Flow::new();
    flow.add("split", &kind, &[&["end"]]);
    flow.add("end", &junction(), &[&[]]);
    let bed = Bed::new(&flow.to_json(), "split", flows::alarm_message)?;
    let (cost, grown) = bed.run_one(flows::message(0, Value::array(items)))?;
    let pieces = bed.received("end");
    anyhow::ensure!(pieces == count as u64, "{pieces} of {count} pieces came");
    let mut rows = vec![Row::figure(SPLIT, whats[0], cost * 1e6 / count as f64, "us")];
    rows.push(match grown {
        // The array itself stands in memory before.
        Some(bytes) => Row::figure(SPLIT, whats[1], bytes as f64 / 1e6, "MB").at_most(8.0),
        None => Row::skipped(SPLIT, whats[1], "the peak of memory cannot be read here"),
    });
    Ok(rows)
}
