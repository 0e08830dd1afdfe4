//! What the commands on stored messages share: how they are found, gone over, shown, and how a gateway is asked.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use serde_json::Value as Json;
use tidegate_nodes::date;
use tidegate_nodes::value::Value;

use super::output;
use crate::control::{self, Request};
pub use crate::store::record_json as json;
use crate::store::{Archive, Log, Page, Record, admin};

/// How much is read at once.
const PAGE: usize = 1_000;
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A log by its name.
pub fn find(archive: &Archive, name: &str) -> anyhow::Result<Arc<Log>> {
    archive.find_log(name).ok_or_else(|| {
        let names: Vec<String> = archive.view().logs().into_iter().map(|log| log.name).collect();
        let text = admin::no_log(name, names.iter().map(String::as_str));
        anyhow!("{text}; `tidegate log ls` lists them all")
    })
}

pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Goes over the records from a sequence to the end that the log had when it was found. What cannot be read is told.
pub fn each(
    archive: &Archive,
    log: &Log,
    from: u64,
    mut take: impl FnMut(u64, Record) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<()> {
    let mut at = from;
    while at < log.next() {
        let Page { records, gaps, next } = archive.read(log, at, PAGE, PAGE_BYTES)?;
        for (first, last) in gaps {
            eprintln!("{}: {first} to {last} cannot be read: they are damaged or gone", log.name);
        }
        for (sequence, record) in records {
            if take(sequence, record)?.is_break() {
                return Ok(());
            }
        }
        if next <= at {
            break;
        }
        at = next;
    }
    Ok(())
}

/// A record for a person: a line about it, and the message below.
pub fn show(sequence: u64, record: &Record) {
    let mut head = format!("#{sequence}  {}", date::iso(record.wall_ms));
    if let Some(key) = &record.key {
        head.push_str(&format!("  {key}"));
    }
    if !record.source.is_empty() {
        head.push_str(&format!("  from {}", record.source));
    }
    if let Some(reason) = record.about.get("reason") {
        head.push_str(&format!("  ({})", reason.to_text()));
    }
    output::line(format_args!("{head}"));
    let value = Value::Object(record.value.clone());
    let short = value.to_json();
    let text = if short.len() <= 100 { short } else { value.to_json_pretty(2) };
    for line in text.lines() {
        output::line(format_args!("  {line}"));
    }
}

/// Prints a record as asked.
pub fn print(as_json: bool, sequence: u64, record: &Record) {
    match as_json {
        true => output::line(format_args!("{}", json(sequence, record))),
        false => show(sequence, record),
    }
}

/// Has the gateway do something, or does it when none runs.
pub fn perform(directory: &Path, request: &Request, doing: &str) -> anyhow::Result<Json> {
    // Opening would make an empty store, which is not what anybody means who names a wrong directory.
    if !directory.join(crate::store::DATA).is_file() {
        bail!("{} holds no data of a gateway: name its data directory with --data", directory.display());
    }
    let mut progress = output::Progress::new();
    let done = control::perform(directory, request, &mut |count| {
        progress.show(&format!("{doing}: {}", output::messages(count)));
        ControlFlow::Continue(())
    });
    Ok(done?)
}
