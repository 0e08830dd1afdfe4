//! `tidegate log replay`: what would this flow have made of what came in? Runs a flow in this process and gives it the
//! messages of a log. Nothing that is live is touched: the log is read beside its gateway, and the flow has no store.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use tidegate_nodes::descriptor::Role;
use tidegate_nodes::host::Settings;
use tidegate_nodes::value::{Object, Str};

use super::super::data_dir::DataDir;
use super::super::{Outcome, output, run, stored};
use super::selection::{Selected, Stretch};
use super::watcher::Watcher;
use crate::engine::{Engine, Options, Simulation};
use crate::flow::{self, Deployment, Document, Limits, Plan, PlanKind, PlanNode};
use crate::store::{Archive, Record};

/// Run the messages of a log through a flow, and see what it would have sent
///
/// The sources of the flow stay silent, and what its connectors would send is printed, a JSON object each. The flow's
/// clock is that of the log: delays and windows work as they would have then, however fast it goes. With --real the
/// connectors do connect and send, and the clock is that of now.
#[derive(Debug, Args)]
pub struct Replay {
    /// The log
    name: String,
    /// The flow
    #[arg(long, value_name = "FLOW.json")]
    flow: PathBuf,
    /// The node that gets the messages; a node without an input hands them on as its own
    #[arg(long, value_name = "NODE")]
    to: String,
    #[command(flatten)]
    stretch: Stretch,
    /// How fast: 1 as it was, 10 ten times as fast, or max
    #[arg(long, value_name = "X|max", default_value = "max", value_parser = speed)]
    speed: f64,
    /// Let the connectors of the flow connect and send
    #[arg(long)]
    real: bool,
    #[command(flatten)]
    data: DataDir,
    /// Print what debug nodes show as JSON too
    #[arg(long)]
    json: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        _ if text == "max" => Ok(f64::INFINITY),
        Ok(speed) if speed > 0.0 => Ok(speed),
        _ => Err("expected a number above 0, or max".to_string()),
    }
}

/// How long the flow's clock goes on behind the last message, so that what waits in delays and windows comes out.
const AFTER: Duration = Duration::from_secs(60);
/// A clock that jumped leaves a gap in a log that nobody wants to wait through, not even in virtual time.
const LONGEST_GAP: Duration = Duration::from_secs(30 * 86_400);
/// So many messages wait for the flow at the most when it runs in real time.
const WAITING: u64 = 1_000;
const DRAIN: Duration = Duration::from_secs(10);

impl Replay {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let archive = Archive::open(&self.data.path())?;
        let log = stored::find(&archive, &self.name)?;
        let messages = self.stretch.of(&archive, &log)?;
        let settings = Settings::default();
        let document = Document::read(&self.flow, &Limits::default());
        let Some(mut plan) = run::checked(document, &self.flow.display().to_string(), &settings) else {
            return Ok(Outcome::Failed);
        };
        let targets = targets(&plan, &self.to)?;
        silence(&mut plan);
        let sinks: HashSet<String> = plan
            .nodes()
            .filter(|node| role(node) == Some(Role::Connector))
            .map(|node| node.document_id.to_string())
            .collect();
        let watcher = Arc::new(Watcher::new(self.json));
        let options = Options {
            settings,
            watch: if self.real { HashSet::new() } else { sinks },
            stubs: (!self.real).then(Default::default),
            ..Options::default()
        };
        let prepared = Prepared { messages, plan, targets, options, watcher: watcher.clone() };
        let count = match self.real {
            true => self.in_real_time(prepared)?,
            false => self.in_virtual_time(prepared)?,
        };
        let sent = if self.real { String::new() } else { format!("; it would have sent {}", watcher.sent()) };
        eprintln!("{} went to {}{sent}", output::messages(count), self.to);
        Ok(if watcher.failed() { Outcome::Failed } else { Outcome::Done })
    }

    /// Under a clock that goes as the log went.
    fn in_virtual_time(&self, prepared: Prepared<'_>) -> anyhow::Result<u64> {
        let Prepared { messages, plan, targets, options, watcher } = prepared;
        let Some(first) = messages.first()? else { return Ok(0) };
        let simulation = Simulation::new(options, watcher, first.wall_ms);
        deploy(&simulation.engine, plan)?;
        let mut feed = Feed::new(self, &targets);
        let (mut now, mut last_ms) = (Duration::ZERO, first.wall_ms);
        messages.each(|_, record| {
            let gap = gap(last_ms, record.wall_ms);
            last_ms = record.wall_ms;
            std::thread::sleep(gap.div_f64(self.speed));
            now += gap;
            simulation.run_until(now);
            feed.give(&simulation.engine, &record)?;
            simulation.settle();
            feed.show_progress();
            Ok(ControlFlow::Continue(()))
        })?;
        simulation.run_until(now + AFTER);
        simulation.close();
        Ok(feed.count)
    }

    /// With connectors that connect. What waits for the flow is bounded.
    fn in_real_time(&self, prepared: Prepared<'_>) -> anyhow::Result<u64> {
        let Prepared { messages, plan, targets, options, watcher } = prepared;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("io")
            .enable_all()
            .build()
            .context("cannot start the I/O threads")?;
        let engine = Engine::start(options, watcher.clone(), runtime.handle().clone())
            .context("cannot start the lane threads")?;
        deploy(&engine, plan)?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        runtime.spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                asked.store(true, Ordering::Relaxed);
            }
        });
        let mut feed = Feed::new(self, &targets);
        let mut last_ms = None;
        let received = |engine: &Engine| {
            let of = |count: &crate::engine::NodeCount| targets.contains(&count.node);
            engine
                .counters()
                .nodes()
                .iter()
                .filter(|count| of(count))
                .map(|count| count.received)
                .sum::<u64>()
        };
        messages.each(|_, record| {
            let wait = gap(last_ms.unwrap_or(record.wall_ms), record.wall_ms).div_f64(self.speed);
            last_ms = Some(record.wall_ms);
            let until = Instant::now() + wait;
            // Looked at now and then: the counters of all nodes are gone over.
            let full = |engine: &Engine| {
                feed.count.is_multiple_of(100)
                    && (feed.count * targets.len() as u64).saturating_sub(received(engine)) > WAITING
            };
            while Instant::now() < until || full(&engine) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(ControlFlow::Break(()));
                }
                let left = until.saturating_duration_since(Instant::now());
                std::thread::sleep(left.clamp(Duration::from_millis(1), Duration::from_millis(100)));
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(ControlFlow::Break(()));
            }
            feed.give(&engine, &record)?;
            feed.show_progress();
            Ok(ControlFlow::Continue(()))
        })?;
        // What waits in delays and windows comes out in its own time.
        let end = Instant::now() + AFTER;
        while !engine.is_at_rest() && Instant::now() < end && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        for stuck in engine.stop(DRAIN).stuck {
            eprintln!("not done at the end: {}: {}", stuck.node, stuck.why);
            watcher.fail();
        }
        Ok(feed.count)
    }
}

/// What goes through the flow, and all that the flow runs with.
struct Prepared<'a> {
    messages: Selected<'a>,
    plan: Plan,
    targets: Vec<Str>,
    options: Options,
    watcher: Arc<Watcher>,
}

/// Gives messages to the flow, and shows how many it were.
struct Feed<'a> {
    replay: &'a Replay,
    targets: &'a [Str],
    count: u64,
    progress: output::Progress,
}

impl Feed<'_> {
    fn new<'a>(replay: &'a Replay, targets: &'a [Str]) -> Feed<'a> {
        Feed { replay, targets, count: 0, progress: output::Progress::new() }
    }

    fn give(&mut self, engine: &Engine, record: &Record) -> anyhow::Result<()> {
        let is_given = self.targets.iter().all(|target| {
            let mut value: Object = record.value.clone();
            if !value.contains_key("_msgid") {
                value.insert("_msgid", "0000000000000001");
            }
            engine.send(target, value)
        });
        if !is_given {
            bail!("{} does not run any more", self.replay.to);
        }
        self.count += 1;
        Ok(())
    }

    fn show_progress(&mut self) {
        if self.count.is_multiple_of(1_000) {
            self.progress.show(&format!("{}: {}", self.replay.name, output::messages(self.count)));
        }
    }
}

/// How long after the one before a message came. A clock that was put back stands still.
fn gap(before_ms: i64, now_ms: i64) -> Duration {
    let gap = Duration::from_millis(u64::try_from(now_ms.saturating_sub(before_ms)).unwrap_or(0));
    if gap > LONGEST_GAP {
        eprintln!("{} without a message count as 30 days", output::age(now_ms.saturating_sub(before_ms)));
        return LONGEST_GAP;
    }
    gap
}

fn role(node: &PlanNode) -> Option<Role> {
    match node.kind {
        PlanKind::Node(kind) => Some(kind.descriptor.role),
        PlanKind::Instance | PlanKind::Status => None,
    }
}

/// Whether messages come out of it that came into no input of it, from outside the flow.
fn is_origin(node: &PlanNode) -> bool {
    matches!(role(node), Some(Role::Source | Role::Connector)) && node.has_no_input()
}

/// The nodes that get the messages.
fn targets(plan: &Plan, name: &str) -> anyhow::Result<Vec<Str>> {
    let mut found: Vec<&Arc<PlanNode>> = plan.nodes().filter(|node| node.config.id == name).collect();
    if found.is_empty() {
        // The node of a subflow: in each of its instances.
        found = plan.nodes().filter(|node| node.document_id == name).collect();
    }
    if found.is_empty() {
        let near = flow::nearest(name, plan.nodes().map(|node| node.config.id.as_str()));
        let named = plan.nodes().find(|node| node.config.name == name);
        let hint = match (named, near.first()) {
            (Some(node), _) => format!("; the node of that name has the id `{}`", node.config.id),
            (None, Some(near)) => format!("; did you mean `{near}`?"),
            (None, None) => String::new(),
        };
        bail!("no node `{name}` runs in the flow{hint}");
    }
    let mut targets = Vec::new();
    for node in found {
        match is_origin(node) {
            true => targets.extend(node.wires.iter().flatten().cloned()),
            false => targets.push(node.config.id.clone()),
        }
    }
    if targets.is_empty() {
        bail!("{name} has no input and is wired to nothing: name the node that shall get the messages");
    }
    Ok(targets)
}

/// Takes the sources out: what comes out is made of the log and of nothing else.
fn silence(plan: &mut Plan) {
    for lane in &mut plan.lanes {
        lane.nodes.retain(|node| !is_origin(node));
    }
}

fn deploy(engine: &Engine, plan: Plan) -> anyhow::Result<()> {
    if let Some(refused) = engine.deploy(plan, Deployment::Full).refused.first() {
        bail!("{} does not run: {} (at {})", refused.node, refused.error, refused.pointer);
    }
    Ok(())
}
