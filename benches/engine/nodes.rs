//! What nodes cost, by the slope of chains of them: the cost of getting in and out of the engine drops out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tidegate::engine::Options;
use tidegate::store::{self, Store};
use tidegate_nodes::value::{Object, Value};

use crate::bed::{Bed, Enter, best, cost_in_running_engine, slope};
use crate::flows::{self, Flow, junction, many};
use crate::report::Row;
use crate::yardsticks::{self, Yardsticks};
use crate::{Suite, missing};

const CHAINS: &str = "each further node, CPU a message";

/// The lengths of the chains, beside what is at both ends.
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
        let beds = LENGTHS.iter().map(|&length| from_inject(&many(&kind, length), flows::alarm_message));
        let mut beds = beds.collect::<anyhow::Result<Vec<Bed>>>()?;
        let costs = best(&mut beds, suite.rounds(30), 8)?;
        for bed in &beds {
            bed.expect_at("end", 1)?;
        }
        let costs: Vec<(f64, f64)> = LENGTHS.iter().map(|&length| length as f64).zip(costs).collect();
        let each = slope(&costs);
        let mut row = Row::figure(CHAINS, what, each, "us").detail("chains", points(&costs));
        if let Some(goal) = goal {
            row = row.at_most(goal);
        }
        rows.push(yardsticks.compare(row, each, compared));
    }
    rows.push(in_running_engine(suite)?);
    rows.push(beside_a_store(suite)?);
    Ok(rows)
}

/// The same on a lane's thread in real time.
fn in_running_engine(suite: &Suite) -> anyhow::Result<Row> {
    let mut costs = vec![f64::INFINITY; LENGTHS.len()];
    for _ in 0..suite.rounds(10) {
        for (at, &length) in LENGTHS.iter().enumerate() {
            let flow = chain_from_inject(&many(&flows::change(), length));
            costs[at] = costs[at].min(cost_in_running_engine(&flow, 100, flows::alarm_message)?);
        }
    }
    let costs: Vec<(f64, f64)> = LENGTHS.iter().map(|&length| length as f64).zip(costs).collect();
    let row = Row::figure(CHAINS, "change, in the running engine on a lane's thread", slope(&costs), "us");
    Ok(row.detail("chains", points(&costs)))
}

/// What nodes pay for a data directory that they do not use: they are measured in turn, with one and without.
fn beside_a_store(suite: &Suite) -> anyhow::Result<Row> {
    let store = Arc::new(Store::open(&suite.folder().join("beside"), store::Options::default())?);
    let bed = |length: usize, store: Option<&Arc<Store>>| {
        let options = Options { store: store.cloned(), ..Options::default() };
        let flow = chain_from_inject(&many(&flows::change(), length));
        Bed::with(&flow, Enter::Button("inject"), flows::alarm_message, options)
    };
    let longest = LENGTHS[LENGTHS.len() - 1];
    let mut beds = Vec::new();
    for length in [0, longest] {
        beds.push(bed(length, None)?);
        beds.push(bed(length, Some(&store))?);
    }
    let costs = best(&mut beds, suite.rounds(30), 8)?;
    let each = |at: usize| (costs[at + 2] - costs[at]) / longest as f64;
    let (without, with) = (each(0), each(1));
    Ok(Row::figure(CHAINS, "change, with a data directory against without", with / without, "x")
        .at_most(1.05)
        .note(format!("{with:.4} and {without:.4} us")))
}

/// An inject, a split, the nodes in a row, a junction.
fn chain_from_inject(kinds: &[Json]) -> Json {
    let inject = serde_json::json!({"type": "inject", "props": [], "repeat": "", "once": false});
    let mut flow = Flow::new();
    flow.add("inject", &inject, &[&["split"]]);
    flow.add("split", &flows::split(), &[&[if kinds.is_empty() { "end" } else { "n0" }]]);
    flow.add_chain("n", kinds, &["end"]);
    flow.add("end", &junction(), &[&[]]);
    flow.to_json()
}

fn from_inject(kinds: &[Json], make: fn(u64) -> Object) -> anyhow::Result<Bed> {
    Bed::new(&chain_from_inject(kinds), Enter::Button("inject"), make)
}

/// A junction, the nodes in a row, a junction.
fn chain(kinds: &[Json], make: fn(u64) -> Object) -> anyhow::Result<Bed> {
    let mut flow = Flow::new();
    flow.add("in", &junction(), &[&[if kinds.is_empty() { "end" } else { "n0" }]]);
    flow.add_chain("n", kinds, &["end"]);
    flow.add("end", &junction(), &[&[]]);
    Bed::new(&flow.to_json(), Enter::Input("in"), make)
}

fn points(points: &[(f64, f64)]) -> Json {
    points.iter().map(|(x, y)| Json::from(vec![*x, *y])).collect()
}

/// Runs one thing over and over, for a profiler.
pub fn profile(what: &str) -> anyhow::Result<()> {
    let long = |kind: Json| from_inject(&many(&kind, 40), flows::alarm_message);
    let mut bed = match what {
        "change" => long(flows::change())?,
        "switch" => long(flows::switch())?,
        "junction" => long(junction())?,
        "function" => chain(&[flows::function_that_builds(true)], flows::alarm_message)?,
        "filter" => chain(&[flows::function_that_filters(true)], flows::alarm_message)?,
        "fan-out" => fan(50, |n| flows::large_message(n, 100))?,
        other => anyhow::bail!("nothing to profile by the name {other}"),
    };
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        // No clock: under valgrind there is none.
        bed.batch(|| Duration::ZERO);
    }
    println!("{what}: {} messages", bed.fed());
    Ok(())
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
    Bed::new(&flow.to_json(), Enter::Input("in"), make)
}

const SPLIT: &str = "split";

/// An array of a million numbers, cut up: its pieces are pulled, never all in memory.
pub fn split(suite: &Suite) -> anyhow::Result<Vec<Row>> {
    let kind = flows::split();
    let whats = ["a piece of an array of 1,000,000", "memory that its pieces take at most"];
    if let Some(why) = missing(&kind) {
        return Ok(whats.map(|what| Row::skipped(SPLIT, what, &why)).into());
    }
    let count: usize = if suite.quick { 100_000 } else { 1_000_000 };
    let items: Vec<Value> = (0..count).map(|n| Value::from(n as i64)).collect();
    let mut flow = Flow::new();
    flow.add("split", &kind, &[&["end"]]);
    flow.add("end", &junction(), &[&[]]);
    let bed = Bed::new(&flow.to_json(), Enter::Input("split"), flows::alarm_message)?;
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
