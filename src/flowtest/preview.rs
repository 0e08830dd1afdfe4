//! One node tried out over a few messages: what comes out, what it logs, how it fails. As in a flow test nothing of the
//! gateway is in reach: no connector, no secret, no context but its own, a clock that stands still.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use tidegate_nodes::cx::weight;
use tidegate_nodes::descriptor::{Outputs, Role};
use tidegate_nodes::host::{Level, Settings};
use tidegate_nodes::value::{Object, Value};

use crate::engine::{Event, NodeRef, Observer, Options, Simulation};
use crate::flow::{Deployment, Document, Limits, Problem, ProcessEnv, check};

pub const MOST_MESSAGES: usize = 50;
/// For all messages together; a script that is at work then ends a second later.
const TIME: Duration = Duration::from_secs(2);
const SCRIPT_TIME: Duration = Duration::from_secs(1);
/// Outputs and lines, all together.
const BYTES: usize = 1024 * 1024;
const LINES: usize = 1_000;
/// How far the clock of the node goes for what it sends later.
const LATER: Duration = Duration::from_secs(3_600);
const EPOCH_MS: i64 = 1_767_960_000_000;
const MOST_OUTPUTS: usize = 500;

const TAB: &str = "preview tab";
const OUTPUT: &str = "preview output ";

/// What came of it.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = Preview)]
pub struct Preview {
    /// What the node did when it was started, where it did anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Outcome>,
    /// For each message, as far as it went.
    results: Vec<Outcome>,
    /// What is wrong with its configuration: then nothing was run.
    problems: Vec<Problem>,
    /// `time` or `bytes`: the bound at which it was stopped.
    stopped: Option<&'static str>,
}

/// What came of one message.
#[derive(Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = PreviewOutcome)]
pub struct Outcome {
    /// By output.
    #[schema(value_type = Vec<Vec<Object>>)]
    outputs: Vec<Vec<Json>>,
    lines: Vec<Line>,
    /// The last badge.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    status: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Mistake>,
    time_us: u64,
}

#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = PreviewLine)]
pub struct Line {
    /// `error`, `warn`, `info` or `debug`
    level: &'static str,
    text: String,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Mistake {
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Mistake {
    /// Takes the place off the end of a text: `no such thing (line 3, column 9)`.
    pub fn of(text: &str) -> Mistake {
        let placed = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (line "));
        let read = |(message, place): (&str, &str)| {
            let (line, column) = place.split_once(", column ").map_or((place, None), |(a, b)| (a, Some(b)));
            let column = column.map(str::parse).transpose().ok()?;
            Some(Mistake { message: message.to_string(), hint: None, line: Some(line.parse().ok()?), column })
        };
        placed.and_then(read).unwrap_or_else(|| Mistake::plain(text.to_string()))
    }

    pub fn plain(message: String) -> Mistake {
        Mistake { message, hint: None, line: None, column: None }
    }
}

/// Tries a node out. The error says why it cannot be tried.
pub fn preview(node: &Map<String, Json>, messages: &[Map<String, Json>]) -> Result<Preview, String> {
    let begin = Instant::now();
    let (document, outputs) = document(node)?;
    let settings = Settings { script_time: SCRIPT_TIME, ..Settings::default() };
    let (plan, problems) = check(&document, &ProcessEnv::default(), &Arc::new(settings.clone()));
    let problems: Vec<Problem> = problems.into_iter().map(of_node).collect();
    if problems.iter().any(Problem::is_error) {
        return Ok(Preview { problems, ..Preview::default() });
    }
    let id = document.nodes[1].id.clone();
    let watch = (0..outputs).map(|output| format!("{OUTPUT}{output}")).collect();
    let options = Options { settings, watch, stubs: Some(Default::default()), ..Options::default() };
    let watcher = Arc::new(Watcher { node: id.clone(), outputs, seen: Mutex::default() });
    let simulation = Simulation::new(options, watcher.clone(), EPOCH_MS);
    simulation.engine.deploy(plan, Deployment::Full);
    simulation.settle();
    let mut preview = Preview { problems, ..Preview::default() };
    let start = watcher.take(0);
    preview.start = (start != watcher.nothing()).then_some(start);
    for (number, message) in messages.iter().enumerate() {
        let mut value = Value::from(&Json::Object(message.clone()));
        if let Value::Object(object) = &mut value {
            // By which what it sends later is told from the rest.
            object.insert("_msgid", message_id(number));
            let since = Instant::now();
            simulation.engine.send(&id, std::mem::take(object));
            simulation.settle();
            preview.results.push(watcher.take(since.elapsed().as_micros() as u64));
        }
        preview.stopped = watcher.stopped(begin);
        if preview.stopped.is_some() {
            return Ok(preview);
        }
    }
    while let Some(next) = simulation.next().filter(|next| *next <= LATER) {
        simulation.run_until(next);
        watcher.take_late(&mut preview.results);
        preview.stopped = watcher.stopped(begin);
        if preview.stopped.is_some() {
            break;
        }
    }
    Ok(preview)
}

/// What went wrong in it.
pub fn errors(preview: &Preview) -> Vec<Mistake> {
    let of_config = preview.problems.iter().map(|problem| Mistake::of(&problem.message));
    of_config.chain(preview.results.iter().filter_map(|result| result.error.clone())).collect()
}

fn message_id(number: usize) -> String {
    format!("{:016x}", number + 1)
}

/// A tab with the node, and something behind each of its outputs.
fn document(node: &Map<String, Json>) -> Result<(Document, usize), String> {
    let text = |name| node.get(name).and_then(Json::as_str).unwrap_or_default();
    let type_name = text("type");
    let Some(node_type) = tidegate_nodes::find(type_name) else {
        return Err(format!("there is no node type {type_name:?}"));
    };
    let descriptor = node_type.descriptor;
    if descriptor.role != Role::Transform || descriptor.inputs == 0 {
        return Err(format!(
            "{type_name} cannot be tried out: only nodes that compute something from a message can"
        ));
    }
    let property = |name: &str| node.get(name);
    let number = |value: &Json| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let outputs = match descriptor.outputs {
        Outputs::Fixed(count) => usize::from(count),
        Outputs::Field(name) => property(name).map_or(Some(1), number).unwrap_or(1) as usize,
        Outputs::ItemsOf(name) => property(name).and_then(Json::as_array).map_or(1, Vec::len),
        Outputs::Wires => property("wires").and_then(Json::as_array).map_or(1, Vec::len),
    };
    let outputs = outputs.min(MOST_OUTPUTS);
    let mut node = node.clone();
    for name in ["g", "d", "credentials"] {
        node.remove(name);
    }
    let wires: Vec<Json> = (0..outputs).map(|output| json!([format!("{OUTPUT}{output}")])).collect();
    let id = Some(text("id")).filter(|id| !id.is_empty() && !id.starts_with("preview ")).unwrap_or("node");
    node.extend([
        ("id".to_string(), json!(id)),
        ("z".to_string(), json!(TAB)),
        ("wires".to_string(), json!(wires)),
    ]);
    let mut nodes = vec![json!({ "id": TAB, "type": "tab" }), Json::Object(node)];
    nodes.extend((0..outputs).map(
        |output| json!({ "id": format!("{OUTPUT}{output}"), "type": "junction", "z": TAB, "wires": [[]] }),
    ));
    let document = Document::from_json(Json::Array(nodes), &Limits::default());
    let told =
        |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    document.map(|document| (document, outputs)).map_err(told)
}

/// Its pointer leads into the node alone.
fn of_node(mut problem: Problem) -> Problem {
    if let Some(inside) = problem.pointer.strip_prefix("/1") {
        problem.pointer = inside.to_string();
    }
    problem
}

/// What the node did since somebody looked.
#[derive(Default)]
struct Seen {
    sent: Vec<(usize, Object)>,
    lines: Vec<Line>,
    status: Option<Json>,
    error: Option<Mistake>,
    bytes: usize,
    line_count: usize,
    is_full: bool,
}

struct Watcher {
    node: String,
    outputs: usize,
    seen: Mutex<Seen>,
}

impl Watcher {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nothing(&self) -> Outcome {
        Outcome { outputs: vec![Vec::new(); self.outputs], ..Outcome::default() }
    }

    fn take(&self, time_us: u64) -> Outcome {
        let mut outcome = Outcome { time_us, ..self.nothing() };
        let mut seen = self.lock();
        for (output, value) in seen.sent.drain(..) {
            outcome.outputs[output].push(json!(value));
        }
        outcome.lines = std::mem::take(&mut seen.lines);
        (outcome.status, outcome.error) = (seen.status.take(), seen.error.take());
        outcome
    }

    /// What was sent later goes to the message that it came of, everything else to the last.
    fn take_late(&self, results: &mut [Outcome]) {
        let mut seen = self.lock();
        for (output, value) in std::mem::take(&mut seen.sent) {
            let id =
                value.get("_msgid").and_then(Value::as_str).and_then(|id| usize::from_str_radix(id, 16).ok());
            let last = results.len().saturating_sub(1);
            let at = id.and_then(|id| id.checked_sub(1)).filter(|at| *at < results.len()).unwrap_or(last);
            if let Some(result) = results.get_mut(at) {
                result.outputs[output].push(json!(value));
            }
        }
        let Some(last) = results.last_mut() else { return };
        last.lines.append(&mut seen.lines);
        last.status = seen.status.take().or(last.status.take());
        last.error = last.error.take().or(seen.error.take());
    }

    fn stopped(&self, begin: Instant) -> Option<&'static str> {
        match (self.lock().is_full, begin.elapsed() > TIME) {
            (true, _) => Some("bytes"),
            (_, true) => Some("time"),
            _ => None,
        }
    }
}

impl Seen {
    /// Whether there is room for so many bytes more.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.is_full |= self.bytes > BYTES;
        !self.is_full
    }

    fn line(&mut self, level: Level, text: String) {
        self.line_count += 1;
        self.is_full |= self.line_count > LINES;
        if self.has_room(text.len()) {
            let level = match level {
                Level::Error => "error",
                Level::Warn => "warn",
                Level::Info => "info",
                Level::Debug => "debug",
            };
            self.lines.push(Line { level, text });
        }
    }
}

impl Observer for Watcher {
    fn event(&self, _at: Duration, node: &NodeRef, event: Event) {
        let mut seen = self.lock();
        if let Some(output) = node.id.strip_prefix(OUTPUT).and_then(|output| output.parse().ok()) {
            if let Event::Received(value) = event
                && seen.has_room(weight(&value) as usize)
            {
                seen.sent.push((output, value));
            }
            return;
        }
        if node.id.as_str() != self.node {
            return;
        }
        match event {
            Event::Log(level, text) => seen.line(level, text),
            Event::Error { error, .. } => {
                let mistake = Mistake::of(error.message());
                seen.error.get_or_insert(mistake);
            }
            Event::Panicked { text, .. } => {
                seen.error.get_or_insert(Mistake::of(&format!("it panicked: {text}")));
            }
            Event::Status(status) => seen.status = Some(json!(status.to_object())),
            Event::Debug(record) => {
                let text = record.value.as_ref().map_or_else(|| "undefined".to_string(), Value::to_json);
                seen.line(Level::Debug, text);
            }
            Event::Received(_) | Event::Sent(_) | Event::Passed { .. } | Event::Lost { .. } => {}
        }
    }
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
