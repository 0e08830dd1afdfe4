//! A test bed: a flow on the engine under the virtual clock, in this thread. What it costs to run messages through it
//! is the CPU time of the thread, with nothing else in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::Value as Json;
use tidegate::engine::{Engine, Event, NodeRef, Observer, Options, Simulation};
use tidegate::flow::{self, Deployment, Document, Limits, Plan, Problem, ProcessEnv};
use tidegate_nodes::node::Action;
use tidegate_nodes::value::{Object, Value};

use crate::cpu;

/// So many messages are handed over at once: what a busy source brings, and small enough to stay in the cache.
pub const BATCH: u64 = 256;

pub struct Bed {
    simulation: Simulation,
    errors: Arc<Errors>,
    /// Messages handed over so far.
    fed: u64,
    make: fn(u64) -> Object,
    enter: Enter,
}

/// How messages get into a flow.
#[derive(Clone, Copy)]
pub enum Enter {
    /// At a node's input, as if by a wire.
    Input(&'static str),
    /// By the button of an inject with a split behind it: with a credit, as messages of every source have one.
    Button(&'static str),
}

/// Counts what must not happen: a figure for work that went wrong is no figure.
#[derive(Default)]
pub struct Errors(AtomicU64);

impl Errors {
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Observer for Errors {
    fn event(&self, _at: Duration, _node: &NodeRef, event: Event) {
        if matches!(event, Event::Error { .. } | Event::Panicked { .. } | Event::Lost { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Parses and checks a flow.
pub fn plan(text: &[u8]) -> anyhow::Result<Plan> {
    check(&parse(text)?)
}

pub fn parse(text: &[u8]) -> anyhow::Result<Document> {
    match Document::parse(text, &Limits::default()) {
        Ok(document) => Ok(document),
        Err(problems) => bail!("the flow of the bench: {}", errors(&problems)),
    }
}

pub fn check(document: &Document) -> anyhow::Result<Plan> {
    let settings = Arc::new(Options::default().settings);
    let (plan, problems) = flow::check(document, &ProcessEnv::of_process(), &settings);
    let errors = errors(&problems);
    ensure!(errors.is_empty(), "the flow of the bench: {errors}");
    Ok(plan)
}

fn errors(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).map(ToString::to_string);
    errors.collect::<Vec<String>>().join("; ")
}

impl Bed {
    /// A flow that is entered by what `make` makes.
    pub fn new(flow: &Json, enter: Enter, make: fn(u64) -> Object) -> anyhow::Result<Bed> {
        Bed::with(flow, enter, make, Options::default())
    }

    pub fn with(flow: &Json, enter: Enter, make: fn(u64) -> Object, options: Options) -> anyhow::Result<Bed> {
        let errors = Arc::new(Errors::default());
        let simulation = Simulation::new(options, errors.clone(), 1_763_640_000_000);
        let deployed = simulation.engine.deploy(plan(flow.to_string().as_bytes())?, Deployment::Full);
        ensure!(deployed.refused.is_empty(), "the flow of the bench: {:?}", deployed.refused);
        Ok(Bed { simulation, errors, fed: 0, make, enter })
    }

    /// Runs so many batches through, and gives the CPU time in us that a message took.
    pub fn run(&mut self, batches: u64) -> anyhow::Result<f64> {
        let spent: Duration = (0..batches).map(|_| self.batch(cpu::thread)).sum();
        let errors = self.errors.count();
        ensure!(errors == 0, "{errors} errors in the flow of the bench");
        Ok(spent.as_secs_f64() * 1e6 / (batches * BATCH) as f64)
    }

    /// Runs a batch through, and gives the time that it took by this clock.
    pub fn batch(&mut self, clock: fn() -> Duration) -> Duration {
        let messages: Vec<Object> = (self.fed..self.fed + BATCH).map(self.make).collect();
        self.fed += BATCH;
        let press = matches!(self.enter, Enter::Button(_)).then(|| button(&messages));
        let before = clock();
        match (self.enter, press) {
            (Enter::Input(node), _) => {
                for message in messages {
                    self.simulation.engine.send(node, message);
                }
            }
            (Enter::Button(node), press) => {
                self.simulation.engine.act(node, Action::Inject(press.unwrap_or_default()));
            }
        }
        self.simulation.settle();
        clock() - before
    }

    /// Runs one message through: CPU seconds, and by how much the memory grew at most where that can be told.
    pub fn run_one(&self, message: Object) -> anyhow::Result<(f64, Option<u64>)> {
        let before = if cpu::forget_peak() { cpu::memory("self", false) } else { None };
        let started = cpu::thread();
        if let Enter::Input(node) = self.enter {
            self.simulation.engine.send(node, message);
        }
        self.simulation.settle();
        let spent = cpu::thread() - started;
        let peak = cpu::memory("self", true);
        let errors = self.errors.count();
        ensure!(errors == 0, "{errors} errors in the flow of the bench");
        Ok((spent.as_secs_f64(), before.zip(peak).map(|(before, peak)| peak.saturating_sub(before))))
    }

    pub fn fed(&self) -> u64 {
        self.fed
    }

    /// How many messages came to a node.
    pub fn received(&self, node: &str) -> u64 {
        received(&self.simulation.engine, node)
    }

    /// Fails unless every message fed came to this node so often.
    pub fn expect_at(&self, node: &str, times: u64) -> anyhow::Result<()> {
        let (came, due) = (self.received(node), self.fed * times);
        ensure!(came == due, "{came} messages came to {node}, {due} were due");
        Ok(())
    }
}

/// The CPU time in us that a lane's thread takes for a message in an engine that runs as in the gateway.
pub fn cost_in_running_engine(flow: &Json, batches: u64, make: fn(u64) -> Object) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let errors = Arc::new(Errors::default());
    let options = Options { threads: 1, ..Options::default() };
    let engine = Engine::start(options, errors.clone(), runtime.handle().clone())?;
    engine.deploy(plan(flow.to_string().as_bytes())?, Deployment::Full);
    let messages: Vec<Object> = (0..BATCH).map(make).collect();
    let press = button(&messages);
    let before = cpu::threads("lane-");
    for batch in 0..batches {
        engine.act("inject", Action::Inject(press.clone()));
        let due = (batch + 1) * BATCH;
        let end = Instant::now() + Duration::from_secs(30);
        while received(&engine, "end") < due {
            ensure!(Instant::now() < end, "the messages of the bench do not arrive");
            std::thread::sleep(Duration::from_micros(200));
        }
    }
    // Its thread has gone to sleep, so that its clock is read to the end.
    std::thread::sleep(Duration::from_millis(5));
    let spent = cpu::threads("lane-").saturating_sub(before);
    engine.stop(Duration::from_secs(5));
    ensure!(errors.count() == 0, "{} errors in the flow of the bench", errors.count());
    Ok(spent.as_secs_f64() * 1e6 / (batches * BATCH) as f64)
}

/// One message with the payloads of all of these, to be split again.
fn button(messages: &[Object]) -> Object {
    let payloads = messages.iter().filter_map(|message| message.get("payload").cloned()).collect();
    let mut all = Object::with_capacity(2);
    all.insert("topic", "site/alarm");
    all.insert("payload", Value::array(payloads));
    all
}

pub fn received(engine: &Engine, node: &str) -> u64 {
    let counts = engine.counters().nodes();
    counts.iter().find(|count| count.node == node).map_or(0, |count| count.received)
}

/// Runs all beds in turn, so many rounds, and gives for each the CPU time of a message in us in its best round: what
/// it takes when nothing else disturbs the machine.
pub fn best(beds: &mut [Bed], rounds: u32, batches: u64) -> anyhow::Result<Vec<f64>> {
    let mut best = vec![f64::INFINITY; beds.len()];
    for round in 0..=rounds {
        for (bed, best) in beds.iter_mut().zip(&mut best) {
            let cost = bed.run(batches)?;
            // The first round warms the caches.
            if round > 0 {
                *best = best.min(cost);
            }
        }
    }
    Ok(best)
}

/// The slope of the straight line through the points (x, y) that is nearest to them.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (mean_x, mean_y) =
        (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let along: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let square: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    along / square
}
