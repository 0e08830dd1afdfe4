//! Plays a case and judges it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::Settings;
use tidegate_nodes::node::Action;
use tidegate_nodes::path::ContextKey;
use tidegate_nodes::value::{Object, Value};

use super::case::{Case, ContextBefore, Expected, Flow};
use super::compare::Compare;
use super::record::Recorder;
use crate::engine::{Options, Reply, Simulation};
use crate::flow::{Deployment, Document, Limits, Problem, ProcessEnv, check};

/// How a case went.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    pub name: String,
    pub ok: bool,
    /// What differed; empty when it went well.
    pub why: String,
}

/// Where the virtual clock stands at the start: a Friday noon, the same for every run.
const EPOCH_MS: i64 = 1_767_960_000_000;
const LONGEST: Duration = Duration::from_secs(3600);

/// Plays a case under the virtual clock.
pub fn play(case: &Case) -> Verdict {
    let why = run(case).err().unwrap_or_default();
    Verdict { name: case.name.clone(), ok: why.is_empty(), why }
}

fn run(case: &Case) -> Result<(), String> {
    let temporary = Temporary::default();
    let document = document(case)?;
    let env: ProcessEnv =
        case.env.iter().map(|(name, value)| (name.clone(), temporary.text(value))).collect();
    let options = options(case)?;
    let settings = Arc::new(options.settings.clone());
    let (plan, problems) = check(&document, &env, &settings);
    // A wire to nowhere carries nothing, and the plan leaves it out: a test may have taken the node behind it away.
    // A node that refuses its configuration is left out too, and counts as an error of that node.
    let (refused, errors): (Vec<&Problem>, Vec<&Problem>) = problems
        .iter()
        .filter(|problem| problem.is_error() && problem.code != "wire-to-nowhere")
        .partition(|problem| problem.code == "bad-config" && problem.node.is_some());
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(errors.join("\n"));
    }
    let recorder = Arc::new(Recorder::default());
    for problem in &refused {
        recorder.refused(problem);
    }
    let simulation = Simulation::new(options, recorder.clone(), EPOCH_MS);
    set_context(case, &document, &simulation);
    let deployed = simulation.engine.deploy(plan, Deployment::Full);
    if let Some(refused) = deployed.refused.first() {
        return Err(format!("{} is refused: {} (at {})", refused.node, refused.error, refused.pointer));
    }
    let mut steps: Vec<_> = case.steps.iter().collect();
    steps.sort_by_key(|step| step.at_ms);
    let injects: Vec<&str> =
        document.nodes.iter().filter(|n| n.type_name == "inject").map(|n| n.id.as_str()).collect();
    let mut steps = steps.into_iter().peekable();
    while let Some(step) = steps.next() {
        simulation.run_until(Duration::from_millis(step.at_ms));
        let mut same = vec![step];
        // All that comes in at one instant is queued before what it causes.
        while let Some(next) = steps.next_if(|next| next.at_ms == step.at_ms) {
            same.push(next);
        }
        for step in same {
            let msg = temporary.message(&step.send.msg);
            let to = &step.send.to;
            let known = match injects.contains(&to.as_str()) {
                true => simulation.engine.act(to, Action::Inject(msg)),
                false => simulation.engine.send(to, with_id(msg)),
            };
            let is_refused = refused.iter().any(|problem| problem.node.as_ref() == Some(to));
            if !known && !is_refused {
                return Err(format!("steps send to {to}, and no such node runs"));
            }
        }
    }
    match case.run_ms {
        Some(ms) => {
            simulation.run_until(Duration::from_millis(ms));
        }
        None => {
            simulation.settle();
            while let Some(next) = simulation.next().filter(|next| *next <= LONGEST) {
                simulation.run_until(next);
            }
        }
    }
    judge(case, &recorder, &simulation)
}

fn document(case: &Case) -> Result<Document, String> {
    let text =
        |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    match &case.flow {
        Flow::Nodes(nodes) => {
            Document::from_json(Json::Array(nodes.clone()), &Limits::default()).map_err(text)
        }
        Flow::File(name) => {
            let path = case.file.parent().map(|folder| folder.join(name)).unwrap_or_else(|| name.into());
            Document::read(&path, &Limits::default()).map_err(text)
        }
    }
}

fn options(case: &Case) -> Result<Options, String> {
    let mut settings = Settings::default();
    for (name, value) in &case.settings {
        match (name.as_str(), value.as_u64()) {
            ("nodeMessageBufferMaxLength", Some(n)) => settings.node_message_buffer_max_length = n as usize,
            ("debugMaxLength", Some(n)) => settings.debug_max_length = n as usize,
            _ => {
                settings.other.insert(name.clone(), Value::from(value));
            }
        }
    }
    let watch = case.expect.keys().cloned().collect();
    let stubs: Result<HashMap<_, _>, String> = case
        .stub
        .iter()
        .map(|(node, replies)| Ok((node.clone(), replies.iter().map(reply).collect::<Result<_, _>>()?)))
        .collect();
    let mut stores: Vec<String> = case.context_stores.keys().cloned().collect();
    // Node-RED's default is the one named so, else the first.
    stores.sort_by_key(|name| name != "default");
    if stores.is_empty() {
        stores.push("memory".to_string());
    }
    Ok(Options { settings, watch, stubs: Some(stubs?), context_stores: stores, ..Options::default() })
}

fn reply(json: &Json) -> Result<Reply, String> {
    match json {
        Json::Object(map) if map.contains_key("fail") => match map["fail"].as_str() {
            Some("disconnected") => {
                Ok(Reply::Fail(NodeError::disconnected("disconnected, as the test says")))
            }
            _ => Ok(Reply::Fail(NodeError::rejected(Value::from(&map["fail"]).to_text()))),
        },
        Json::Object(map) => Ok(Reply::Answer(object(map))),
        other => Err(format!("a reply under `stub` is an object, not {other}")),
    }
}

fn set_context(case: &Case, document: &Document, simulation: &Simulation) {
    let contexts = simulation.engine.contexts();
    let set = |store: Option<&str>, before: &ContextBefore| {
        let put = |owner: &str, values: &Map<String, Json>| {
            contexts.with(store, owner, |object| {
                values.iter().for_each(|(key, value)| object.insert(key.as_str(), Value::from(value)));
            });
        };
        put("global", &before.global);
        for (flow, values) in &before.flow {
            put(flow, values);
        }
        for (node, values) in &before.node {
            let flow = document.get(node).and_then(|node| node.z.as_deref()).unwrap_or("global");
            put(&format!("{node}:{flow}"), values);
        }
    };
    set(None, &case.context);
    for (store, before) in &case.context.stores {
        set(Some(store), before);
    }
}

fn object(map: &Map<String, Json>) -> Object {
    map.iter().map(|(key, value)| (key.as_str(), Value::from(value))).collect()
}

fn with_id(mut msg: Object) -> Object {
    if !msg.contains_key("_msgid") {
        msg.insert("_msgid", "0000000000000001");
    }
    msg
}

fn judge(case: &Case, recorder: &Recorder, simulation: &Simulation) -> Result<(), String> {
    let record = recorder.lock();
    let mut compare = Compare::new(&case.loose, &case.ignore);
    let mut differences = record.panics.clone();
    for (node, wanted) in &case.expect {
        let empty = Vec::new();
        let got = record.messages.get(node).unwrap_or(&empty);
        if let Err(why) = messages(case, wanted, got, &mut compare) {
            differences.push(format!("{node}: {why}"));
        }
    }
    match &case.errors {
        None => differences
            .extend(record.uncaught.iter().map(|error| format!("an error no catch node took: {error}"))),
        Some(errors) => counts("errors", errors, &record.errors, &mut differences),
    }
    counts("warns", &case.warns, &record.warns, &mut differences);
    for (node, wanted) in &case.status {
        let empty = Vec::new();
        let got = record.statuses.get(node).unwrap_or(&empty);
        let got = Json::Array(got.clone());
        if let Err(why) = compare.value(&Json::Array(wanted.clone()), &got, "status") {
            differences.push(format!("{node}: {why}"));
        }
    }
    for after in &case.context_after {
        if let Err(why) = context_after(after, simulation, &mut compare) {
            differences.push(why);
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

fn messages(
    case: &Case,
    wanted: &[Expected],
    got: &[(Duration, Object)],
    compare: &mut Compare<'_>,
) -> Result<(), String> {
    let shown: Vec<Map<String, Json>> = got.iter().map(|(_, value)| json(value)).collect();
    for (n, (wanted, got)) in wanted.iter().zip(&shown).enumerate() {
        let empty = Map::new();
        let (want, exactly) = match (&wanted.exactly, &wanted.msg) {
            (Some(want), _) => (want, true),
            (None, want) => (want.as_ref().unwrap_or(&empty), false),
        };
        compare.message(want, got, exactly).map_err(|why| format!("message {}: {why}", n + 1))?;
    }
    if wanted.len() != got.len() {
        let list: Vec<String> = shown.iter().map(|msg| Json::Object(msg.clone()).to_string()).collect();
        return Err(format!("{} messages came, expected {}: {}", got.len(), wanted.len(), list.join(", ")));
    }
    // What a flow does at random it does, but when is not said.
    if case.tags.iter().any(|tag| tag == "random") {
        return Ok(());
    }
    for (n, (wanted, (at, _))) in wanted.iter().zip(got).enumerate() {
        let at = at.as_millis() as u64;
        if let Some(want) = wanted.at_ms
            && at.abs_diff(want) > case.at_tolerance_ms
        {
            return Err(format!("message {} came at {at} ms, expected {want}", n + 1));
        }
    }
    Ok(())
}

fn json(value: &Object) -> Map<String, Json> {
    match serde_json::to_value(value) {
        Ok(Json::Object(map)) => map,
        _ => Map::new(),
    }
}

fn counts(
    what: &str,
    wanted: &std::collections::BTreeMap<String, u64>,
    got: &std::collections::BTreeMap<String, u64>,
    differences: &mut Vec<String>,
) {
    for (node, want) in wanted {
        let got = got.get(node).copied().unwrap_or(0);
        if got != *want {
            differences.push(format!("{node}: {got} {what}, expected {want}"));
        }
    }
}

fn context_after(
    after: &super::case::ContextAfter,
    simulation: &Simulation,
    compare: &mut Compare<'_>,
) -> Result<(), String> {
    let id = after.id.as_deref().unwrap_or("");
    let contexts = simulation.engine.contexts();
    let owner = match after.scope.as_str() {
        "global" => "global".to_string(),
        "flow" => id.to_string(),
        "node" => simulation.engine.node_context(id).unwrap_or_else(|| id.to_string()),
        other => return Err(format!("context_after: the scope is global, flow or node, not {other}")),
    };
    let mut key = ContextKey::parse(&after.key).map_err(|error| error.to_string())?;
    key.store = key.store.or_else(|| after.store.as_deref().map(Into::into));
    let got = contexts.get(&owner, &key, &Object::new()).map_err(|error| error.to_string())?;
    let place = format!("{} {} {}", after.scope, id, after.key);
    match (&after.value, got) {
        (None | Some(Json::Null), None) => Ok(()),
        (Some(want), Some(got)) => {
            compare.value(want, &serde_json::to_value(&got).unwrap_or(Json::Null), &place)
        }
        (want, got) => Err(format!("context {place} is {got:?}, expected {want:?}")),
    }
}

/// `<tmp>` in a test stands for an empty directory of its own, made when it is first asked for.
#[derive(Default)]
struct Temporary(std::sync::OnceLock<std::path::PathBuf>);

impl Temporary {
    fn path(&self) -> &std::path::Path {
        self.0.get_or_init(|| {
            static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
            let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("tidegate-test-{}-{n}", std::process::id()));
            if let Err(error) = std::fs::create_dir_all(&path) {
                tracing::error!("cannot make the directory {} for a test: {error}", path.display());
            }
            path
        })
    }

    fn text(&self, value: &Json) -> String {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text.contains("<tmp>") { text.replace("<tmp>", &self.path().to_string_lossy()) } else { text }
    }

    fn message(&self, msg: &Map<String, Json>) -> Object {
        let value = Value::from(&Json::Object(msg.clone()));
        match self.fill(value) {
            Value::Object(object) => object,
            _ => Object::new(),
        }
    }

    fn fill(&self, value: Value) -> Value {
        match value {
            Value::Str(text) if text.contains("<tmp>") => {
                Value::from(text.replace("<tmp>", &self.path().to_string_lossy()))
            }
            Value::Array(items) => Value::array(items.iter().map(|item| self.fill(item.clone())).collect()),
            Value::Object(object) => Value::Object(
                object.iter().map(|(key, value)| (key.clone(), self.fill(value.clone()))).collect(),
            ),
            other => other,
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.get() {
            // The directory is the test's own; what cannot be removed is left to the system.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}
