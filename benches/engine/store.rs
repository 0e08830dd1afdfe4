//! The store: how fast it takes messages in and gives them back, at any depth, what it writes, and how it starts.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use tidegate::store::{Batching, Commit, Log, Options, Record, Retention, Store};
use tidegate_nodes::value::{Str, Value};

use crate::child::{Child, free_port};
use crate::gateway::TIDEGATE;
use crate::report::Row;
use crate::{Suite, cpu};

const STORE: &str = "store";
/// What one source may have in flight.
const IN_FLIGHT: usize = 1_000;
const QUEUE: Retention =
    Retention { max_bytes: None, max_messages: None, max_age_ms: None, compact: false, queue: true };

pub fn rows(suite: &Suite) -> anyhow::Result<Vec<Row>> {
    let folder = suite.folder().join("store");
    let fsync = fsync_time(suite.folder())?;
    let fsync = format!("this disk fsyncs in {:.2} ms (median)", fsync.as_secs_f64() * 1e3);
    let mut rows = append(suite, &folder, &fsync)?;
    rows.push(written(suite)?);
    rows.extend(depth(suite, &fsync)?);
    rows.extend(stalled(suite)?);
    Ok(rows)
}

/// 300 bytes as JSON, each another one: what a board sends.
fn record(store: &Store, n: u64) -> Record {
    let payload = [
        ("site", Value::from(format!("hcmc-{}", n % 40))),
        ("sensor", Value::from("temperature")),
        ("sequence", Value::from(n as i64)),
        ("value", Value::from(20.0 + (n * 7 % 1_000) as f64 / 100.0)),
        ("unit", Value::from("celsius")),
        ("battery", Value::from(3.0 + (n % 13) as f64 / 10.0)),
        ("firmware", Value::from("2026.11.4-rc1+g3f9f87e")),
        ("note", Value::from("measured at the cabinet, averaged over ten seconds, not calibrated")),
        ("id", Value::from(format!("{:032x}", u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060)))),
    ];
    let payload: tidegate_nodes::value::Object = payload.into_iter().collect();
    let value = [("topic", Value::from("site/telemetry")), ("payload", Value::Object(payload))];
    Record {
        value: value.into_iter().collect(),
        wall_ms: 1_790_000_000_000 + n as i64,
        ran_ms: store.ran_ms(),
        source: Str::new("in"),
        key: Some(Str::new("site/telemetry")),
        ..Record::default()
    }
}

/// Appends as a source does that has so many messages in flight; gives what is not acknowledged at the end.
fn feed(store: &Store, log: &Arc<Log>, numbers: std::ops::Range<u64>) {
    let (done, acknowledged) = channel();
    let mut under_way = 0;
    for n in numbers {
        if under_way == IN_FLIGHT {
            under_way -= take(&acknowledged);
        }
        let done = done.clone();
        store.submit(Commit {
            records: vec![(log.clone(), record(store, n))],
            done: Some(Box::new(move |result| {
                // The receiver lives until all are acknowledged.
                let _ = done.send(result.is_ok());
            })),
            ..Commit::default()
        });
        under_way += 1;
    }
    while under_way > 0 {
        under_way -= take(&acknowledged);
    }
}

fn take(acknowledged: &Receiver<bool>) -> usize {
    assert_eq!(acknowledged.recv(), Ok(true), "the store does not write");
    1 + acknowledged.try_iter().count()
}

fn append(suite: &Suite, folder: &Path, fsync: &str) -> anyhow::Result<Vec<Row>> {
    let store = Store::open(folder, Options::default())?;
    let log = store.log("outbox/bench/event", &QUEUE);
    let count = if suite.quick { 100_000 } else { 500_000 };
    feed(&store, &log, 0..10_000);
    let (began, cpu_before, batches) = (Instant::now(), cpu::process(), store.written().0);
    feed(&store, &log, 10_000..10_000 + count);
    let (took, used) = (began.elapsed(), cpu::process() - cpu_before);
    let batches = store.written().0 - batches;
    let rate = count as f64 / took.as_secs_f64();
    let stored = log.bytes() as f64 / (log.next() - 1) as f64;
    let row = Row::figure(STORE, "append, 300 bytes, FULL, 1,000 in flight", rate, "msg/s")
        .at_least(40_000.0)
        .note(format!(
            "{fsync}; {:.2} us of CPU a message, making it included; {:.0} messages a commit; {stored:.0} bytes of log a message",
            used.as_secs_f64() * 1e6 / count as f64,
            count as f64 / batches as f64,
        ));
    let drain = drain(&store, &log)?;
    store.close();
    Ok(vec![row, drain])
}

/// Reads all that is stored and confirms it, as an outbox does whose other side answers at once.
fn drain(store: &Store, log: &Arc<Log>) -> anyhow::Result<Row> {
    let cursor = log.cursor("sink");
    let (mut at, all) = (1, log.next() - 1);
    let mut marks = vec![(0, Instant::now())];
    let cpu_before = cpu::process();
    while at <= all {
        let page = store.read(log, at, 512, 512 * 1024)?;
        anyhow::ensure!(page.next > at && page.gaps.is_empty(), "the log ends at {at}");
        for (sequence, record) in &page.records {
            anyhow::ensure!(!record.value.is_empty(), "record {sequence} is empty");
            cursor.confirm(*sequence, *sequence);
            store.advance(log, &cursor);
        }
        at = page.next;
        marks.push((at - 1, Instant::now()));
    }
    let used = cpu::process() - cpu_before;
    let rate = |from: u64, to: u64| {
        let find = |n: u64| marks.iter().find(|(mark, _)| *mark >= n).map(|(mark, when)| (*mark, *when));
        let ((a, begin), (b, end)) = find(from).zip(find(to)).context("no such part")?;
        anyhow::Ok((b - a) as f64 / (end - begin).as_secs_f64())
    };
    let (first, last, whole) = (rate(0, all / 5)?, rate(all - all / 5, all)?, rate(0, all)?);
    Ok(Row::figure(STORE, format!("drain {all} messages, confirmed at once"), whole, "msg/s")
        .at_least(50_000.0)
        .note(format!(
            "first fifth {first:.0}, last fifth {last:.0} msg/s; {:.2} us of CPU a message",
            used.as_secs_f64() * 1e6 / all as f64
        )))
}

/// What goes to the disk at 1,000 messages a second, as the kernel counts it.
fn written(suite: &Suite) -> anyhow::Result<Row> {
    let store = Store::open(&suite.folder().join("written"), Options::default())?;
    let log = store.log("outbox/bench/event", &QUEUE);
    let seconds = if suite.quick { 4 } else { 20 };
    let before = io()?;
    let began = Instant::now();
    let (done, acknowledged) = channel();
    for n in 0..seconds * 1_000 {
        let due = began + Duration::from_millis(n);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let done = done.clone();
        store.submit(Commit {
            records: vec![(log.clone(), record(&store, n))],
            done: Some(Box::new(move |result| {
                // The receiver lives until all are acknowledged.
                let _ = done.send(result.is_ok());
            })),
            ..Commit::default()
        });
    }
    let count = seconds * 1_000;
    for _ in 0..count {
        anyhow::ensure!(acknowledged.recv()?, "the store does not write");
    }
    // What is still in the log goes to the database once more: it belongs to the price.
    store.close();
    let after = io()?;
    let each = |what: usize| (after[what] - before[what]) as f64 / count as f64;
    let a_day = each(1) * 1_000.0 * 86_400.0 / 1e9;
    Ok(Row::figure(STORE, "bytes written a message, 1,000 msg/s, FULL", each(0), "bytes")
        .at_most(1_000.0)
        .note(format!("as write(2) calls; {:.0} as blocks of the disk; {a_day:.0} GB a day", each(1))))
}

/// Bytes in write calls, and bytes that went to the block layer.
fn io() -> anyhow::Result<[u64; 2]> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let find = |name: &str| {
        let line = io.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().parse().ok()).with_context(|| format!("/proc/self/io has no {name}"))
    };
    Ok([find("wchar:")?, find("write_bytes:")?])
}

/// With much stored: the time of one append against an empty outbox, and the start.
fn depth(suite: &Suite, fsync: &str) -> anyhow::Result<Vec<Row>> {
    let stored = number_of("BENCH_DEPTH", if suite.quick { 300_000 } else { 3_000_000 })?;
    let batching = Batching { linger: Duration::ZERO, ..Batching::default() };
    let options = || Options { batching, ..Options::default() };
    let folder = suite.folder().join("deep");
    let empty = Store::open(&suite.folder().join("shallow"), options())?;
    let deep = Store::open(&folder, options())?;
    let log = deep.log("outbox/bench/event", &QUEUE);
    feed(&deep, &log, 0..stored);
    let of_empty = empty.log("outbox/bench/event", &QUEUE);
    let rounds = suite.rounds(2_000) as usize;
    let (mut shallow, mut at_depth) = (Vec::new(), Vec::new());
    // In turn, so that both meet the same disk.
    for n in 0..rounds {
        shallow.push(one(&empty, &of_empty, n as u64)?);
        at_depth.push(one(&deep, &log, stored + n as u64)?);
    }
    let p99 = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() * 99 / 100].as_secs_f64() * 1e3
    };
    let (shallow, at_depth) = (p99(&mut shallow), p99(&mut at_depth));
    let enqueue =
        Row::figure(STORE, format!("enqueue p99, {stored} stored against none"), at_depth / shallow, "x")
            .at_most(2.0)
            .note(format!("{at_depth:.2} and {shallow:.2} ms to the acknowledgement; {fsync}"));
    let bytes = log.bytes();
    drop(log);
    deep.close();
    drop(deep);
    let clean = start(&folder, &options())?;
    // As after a kill: the database is looked over.
    std::fs::write(folder.join("lock"), "1 running\n")?;
    let unclean = start(&folder, &options())?;
    let start = Row::figure(
        STORE,
        format!("cold start with {stored} stored"),
        unclean.as_secs_f64() * 1e3,
        "ms",
    )
    .at_most(2_000.0)
    .note(format!(
        "to the first acknowledgement, after a kill; {:.0} ms after an orderly stop; {:.0} MB on the disk",
        clean.as_secs_f64() * 1e3,
        bytes as f64 / 1e6
    ));
    let store = Store::open(&folder, options())?;
    let drain = drain(&store, &store.log("outbox/bench/event", &QUEUE))?;
    store.close();
    Ok(vec![enqueue, start, drain])
}

fn one(store: &Store, log: &Arc<Log>, n: u64) -> anyhow::Result<Duration> {
    let commit = Commit { records: vec![(log.clone(), record(store, n))], ..Commit::default() };
    let began = Instant::now();
    store.submit_and_wait(commit, Duration::from_secs(30))?;
    Ok(began.elapsed())
}

fn start(folder: &Path, options: &Options) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let store = Store::open(folder, *options)?;
    let log = store.log("outbox/bench/event", &QUEUE);
    one(&store, &log, 0)?;
    let took = began.elapsed();
    drop(log);
    store.close();
    Ok(took)
}

fn fsync_time(folder: &Path) -> anyhow::Result<Duration> {
    use std::io::Write;
    let mut file = std::fs::File::create(folder.join("fsync"))?;
    let mut times = Vec::new();
    for _ in 0..50 {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[25])
}

/// A gateway whose sink cannot be reached, at 5,000 messages a second: its memory, and whether it grows.
fn stalled(suite: &Suite) -> anyhow::Result<Vec<Row>> {
    use std::io::Write;
    let (port, nobody) = (free_port()?, free_port()?);
    let flow = suite.folder().join("stalled.json");
    let document = serde_json::json!([
        {"id": "t", "type": "tab", "label": "stalled"},
        {"id": "in", "type": "lines in", "z": "t", "address": format!("127.0.0.1:{port}"), "wires": [["out"]]},
        {"id": "out", "type": "lines out", "z": "t", "address": format!("127.0.0.1:{nobody}"),
         "outbox": {"mode": "offline"}, "wires": []}
    ]);
    std::fs::write(&flow, document.to_string())?;
    let mut command = Command::new(TIDEGATE);
    command.arg("run").arg(&flow).arg("--data").arg(suite.folder().join("stalled"));
    let mut child = Child::start(&mut command)?;
    child.wait_for(" runs ", Duration::from_secs(30))?;
    let mut peer = loop {
        match std::net::TcpStream::connect(("127.0.0.1", port)) {
            Ok(peer) => break peer,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    peer.set_write_timeout(Some(Duration::from_secs(10)))?;
    let mut answers = peer.try_clone()?;
    std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
    let seconds = number_of("BENCH_STALLED", if suite.quick { 8 } else { 60 })?;
    let pad = "x".repeat(240);
    let began = Instant::now();
    let mut seen = Vec::new();
    for tick in 0..seconds * 100 {
        let mut batch = String::new();
        for n in 0..50 {
            batch.push_str(&format!(
                "{{\"topic\":\"a\",\"payload\":{{\"n\":{},\"pad\":\"{pad}\"}}}}\n",
                tick * 50 + n
            ));
        }
        peer.write_all(batch.as_bytes())?;
        let due = began + Duration::from_millis(tick * 10);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if tick % 100 == 99 {
            seen.push(child.memory(false)? as f64 / 1e6);
        }
    }
    let half = seen.len() / 2;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (before, after) = (mean(&seen[half / 2..half]), mean(&seen[half..]));
    let growth = (after - before) / (seconds as f64 * 0.375) * 60.0;
    let most = seen.iter().copied().fold(0.0, f64::max);
    let memory = Row::figure(STORE, "memory, sink away, 5,000 msg/s", most, "MB")
        .at_most(64.0)
        .note(format!("for {seconds} s; it grew by {growth:.2} MB a minute in the second half"));
    Ok(vec![memory, drain_to_sink(&child, nobody, seconds * 5_000)?])
}

/// The sink comes back, and answers each line as soon as it has it.
fn drain_to_sink(child: &Child, port: u16, stored: u64) -> anyhow::Result<Row> {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    let (stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (mut lines, mut answers) = (BufReader::with_capacity(1 << 16, &stream), Vec::new());
    let (began, cpu_before) = (Instant::now(), child.cpu()?);
    let (mut line, mut marks) = (Vec::new(), Vec::new());
    for n in 1..=stored {
        line.clear();
        anyhow::ensure!(
            lines.read_until(b'\n', &mut line)? > 0,
            "the gateway hung up at line {n} of {stored}"
        );
        answers.extend(format!("ok {n}\n").as_bytes());
        if lines.buffer().is_empty() || answers.len() > 4_096 {
            (&stream).write_all(&answers)?;
            answers.clear();
        }
        if n % (stored / 5) == 0 {
            marks.push(began.elapsed().as_secs_f64());
        }
    }
    (&stream).write_all(&answers)?;
    let used = child.cpu()? - cpu_before;
    let fifth = stored as f64 / 5.0;
    let (first, last) = (fifth / marks[0], fifth / (marks[4] - marks[3]));
    let whole = stored as f64 / marks[4];
    Ok(Row::figure(
        STORE,
        format!("drain {stored} messages to a sink over TCP, each answered"),
        whole,
        "msg/s",
    )
    .at_least(50_000.0)
    .note(format!(
        "first fifth {first:.0}, last fifth {last:.0} msg/s; {:.2} us of CPU of the gateway a message",
        used.as_secs_f64() * 1e6 / stored as f64
    )))
}

/// How much, from the environment; else as much as this.
fn number_of(name: &str, usual: u64) -> anyhow::Result<u64> {
    std::env::var(name).map_or(Ok(usual), |number| number.parse().with_context(|| name.to_string()))
}
