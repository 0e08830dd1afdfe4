//! A test bed: a flow on the engine under the virtual clock, in this thread. What it costs to run messages through it
//! is the CPU time of the thread, with nothing else in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::Value as Json;
use tidegate::engine::{Engine, Event, NodeRef, Observer, Options, Simulation};
use tidegate::flow::{self, Deployment, Document, Limits, Plan, Problem, ProcessEnv};
use tidegate_nodes::value::Object;

use crate::cpu;

/// So many messages are handed over at once: what a busy source brings, and small enough to stay in the cache.
pub const BATCH: u64 = 256;

pub struct Bed {
    simulation: Simulation,
    errors: Arc<Errors>,
    /// Messages handed over so far.
    fed: u64,
    make: fn(u64) -> Object,
    enter: String,
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
    let problems = |problems: &[Problem]| {
        let errors: Vec<String> =
            problems.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect();
        errors.join("; ")
    };
    let document = match Document::parse(text, &Limits::default()) {
        Ok(document) => document,
        Err(found) => bail!("the flow of the bench: {}", problems(&found)),
    };
    let settings = Arc::new(Options::default().settings);
    let (plan, found) = flow::check(&document, &ProcessEnv::of_process(), &settings);
    ensure!(!found.iter().any(Problem::is_error), "the flow of the bench: {}", problems(&found));
    Ok(plan)
}

impl Bed {
    /// A flow that is entered at the node `enter` by what `make` makes.
    pub fn new(flow: &Json, enter: &str, make: fn(u64) -> Object) -> anyhow::Result<Bed> {
        let errors = Arc::new(Errors::default());
        let simulation = Simulation::new(Options::default(), errors.clone(), 1_763_640_000_000);
        let deployed = simulation.engine.deploy(plan(flow.to_string().as_bytes())?, Deployment::Full);
        ensure!(deployed.refused.is_empty(), "the flow of the bench: {:?}", deployed.refused);
        Ok(Bed { simulation, errors, fed: 0, make, enter: enter.to_string() })
    }

    /// Runs so many batches through, and gives the CPU time that a message took.
    pub fn run(&mut self, batches: u64) -> anyhow::Result<f64> {
        let mut spent = Duration::ZERO;
        for _ in 0..batches {
            let messages: Vec<Object> = (self.fed..self.fed + BATCH).map(self.make).collect();
            self.fed += BATCH;
            let before = cpu::thread();
            for message in messages {
                self.simulation.engine.send(&self.enter, message);
            }
            self.simulation.settle();
            spent += cpu::thread() - before;
        }
        let errors = self.errors.count();
        ensure!(errors == 0, "{errors} errors in the flow of the bench");
        Ok(spent.as_secs_f64() * 1e6 / (batches * BATCH) as f64)
    }

    /// Runs one message through: CPU seconds, and by how much the memory grew at most where that can be told.
    pub fn run_one(&self, message: Object) -> anyhow::Result<(f64, Option<u64>)> {
        let before = if cpu::forget_peak() { cpu::memory("self", false) } else { None };
        let started = cpu::thread();
        self.simulation.engine.send(&self.enter, message);
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
