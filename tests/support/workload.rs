//! What is done to the store, step by step: made from a seed, so that the checker knows what each step leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tidegate::store::{
    Batching, Commit, ContextChange, Durability, Entry, Log, Options, Reason, Record, Retention, Setup,
    StateChange, Store, StoreError, Upkeep,
};
use tidegate_nodes::value::{Str, Value};

use super::images::Random;
use super::recording::Marker;

/// The logs: two queues, a log that keeps all, and one that keeps little and has a reader that never comes along.
pub const LOGS: [&str; 4] = ["outbox/a/event", "outbox/b/alarm", "all", "little"];
pub const QUEUES: [usize; 2] = [0, 1];
pub const ALL: usize = 2;
pub const LITTLE: usize = 3;
/// Small, so that a short recording rolls and drops segments.
pub const SEGMENT_BYTES: u64 = 24 * 1024;
pub const LITTLE_BYTES: u64 = 48 * 1024;
pub const READER: &str = "sink";
pub const NODE: &str = "node";

pub fn retention(log: usize) -> Retention {
    match log {
        ALL => Retention::default(),
        LITTLE => Retention { max_bytes: Some(LITTLE_BYTES), ..Retention::default() },
        _ => Retention { queue: true, ..Retention::default() },
    }
}

/// One job. All but confirmations go to the store in one commit, with the number of the step in the state of the node.
pub enum Step {
    /// So many records to each of these logs.
    Append {
        to: Vec<(usize, u64)>,
        key: Option<u64>,
        urgent: bool,
    },
    /// The outside has these.
    Confirm {
        queue: usize,
        range: RangeInclusive<u64>,
    },
    GiveUp {
        queue: usize,
        range: RangeInclusive<u64>,
    },
    /// A key of the context is set, or all of it is deleted.
    Context {
        key: Option<u64>,
    },
}

/// What must be in the store after a step.
#[derive(Clone, Default)]
pub struct Content {
    pub next: [u64; LOGS.len()],
    pub state: BTreeMap<String, i64>,
    pub context: BTreeMap<String, i64>,
    pub given_up: [BTreeSet<u64>; QUEUES.len()],
    pub confirmed: [BTreeSet<u64>; QUEUES.len()],
}

impl Content {
    /// How far a reader has come, where nothing is forgotten.
    pub fn position(&self, queue: usize) -> u64 {
        let done = |n: &u64| self.given_up[queue].contains(n) || self.confirmed[queue].contains(n);
        (1..).take_while(done).last().unwrap_or(0)
    }

    fn free(&self, queue: usize) -> Vec<u64> {
        let taken = |n: &u64| self.given_up[queue].contains(n) || self.confirmed[queue].contains(n);
        (1..self.next[queue]).filter(|n| !taken(n)).collect()
    }
}

pub struct Workload {
    pub steps: Vec<Step>,
    /// The one at 0 is an empty store, the one at `n` is what is there after `n` steps.
    pub contents: Vec<Content>,
}

impl Workload {
    pub fn new(steps: usize, random: &mut Random) -> Workload {
        let mut workload = Workload {
            steps: Vec::new(),
            contents: vec![Content { next: [1; LOGS.len()], ..Content::default() }],
        };
        for number in 1..=steps {
            let mut content = workload.contents[number - 1].clone();
            let step = choose(&content, random);
            apply(&step, number, &mut content);
            workload.steps.push(step);
            workload.contents.push(content);
        }
        workload
    }

    /// The commits of one step. It waits for what must be there before: a sink confirms what it has read.
    pub fn run(&self, number: usize, store: &Store, marker: Option<&Marker>, told: &Arc<Told>) {
        let logs: Vec<Arc<Log>> = (0..LOGS.len()).map(|log| store.log(LOGS[log], &retention(log))).collect();
        let before = &self.contents[number - 1];
        let step = &self.steps[number - 1];
        if let Step::Confirm { queue, range } | Step::GiveUp { queue, range } = step {
            let appended = |content: &Content| content.next[*queue] > *range.end();
            told.wait(self.contents.iter().position(appended).expect("it is appended before"));
        }
        if let Some(marker) = marker {
            marker.mark(submitted(number));
        }
        let set = |key: &str, value: usize| StateChange {
            owner: Str::new(NODE),
            key: Some(Str::new(key)),
            value: Some(Value::from(value as i64)),
        };
        let mut commit = Commit { state: vec![set("step", number)], ..Commit::default() };
        let mut expected = Vec::new();
        match step {
            Step::Append { to, key, urgent } => {
                for (log, count) in to {
                    let sequences = before.next[*log]..before.next[*log] + count;
                    expected.extend(sequences.clone());
                    commit.records.extend(sequences.map(|n| (logs[*log].clone(), record(*log, n))));
                }
                commit.state.extend(key.map(|key| set(&format!("key{key}"), number)));
                commit.urgent = *urgent;
            }
            Step::Confirm { queue, range } => {
                let cursor = logs[*queue].cursor(READER);
                cursor.confirm(*range.start(), *range.end());
                store.advance(&logs[*queue], &cursor);
            }
            Step::GiveUp { queue, range } => {
                let entry = Entry {
                    scope: Str::new(LOGS[*queue]),
                    reason: Reason::DroppedOldest,
                    count: range.end() + 1 - range.start(),
                    range: Some((*range.start(), *range.end())),
                    detail: String::new(),
                };
                commit.given_up.push((logs[*queue].clone(), logs[*queue].cursor(READER), entry));
            }
            Step::Context { key } => commit.context.push(ContextChange {
                store: Str::new("disk"),
                owner: Str::new("global"),
                key: key.map(|key| Str::from(format!("key{key}"))),
                value: key.map(|_| Value::from(number as i64)),
            }),
        }
        let (marker, told) = (marker.cloned(), told.clone());
        commit.done = Some(Box::new(move |result| {
            if let Some(marker) = marker.filter(|_| result.as_ref() == Ok(&expected)) {
                marker.mark(acknowledged(number));
            }
            told.tell(number, result.map_err(|error| error.to_string()), &expected);
        }));
        store.submit(commit);
    }

    /// What the outside has: after a restart it is delivered again, and confirmed again.
    pub fn confirm_again(&self, steps: usize, store: &Store) {
        for queue in QUEUES {
            let log = store.log(LOGS[queue], &retention(queue));
            let cursor = log.cursor(READER);
            for sequence in &self.contents[steps].confirmed[queue] {
                cursor.confirm(*sequence, *sequence);
            }
            store.advance(&log, &cursor);
        }
    }
}

fn choose(content: &Content, random: &mut Random) -> Step {
    let queue = *random.of(&QUEUES);
    match random.below(10) {
        0 => Step::Context { key: (!random.percent(20)).then(|| random.below(5) as u64) },
        kind @ 1..=4 if !content.free(queue).is_empty() => {
            let free = content.free(queue);
            // Mostly the oldest, as it goes; at times something in the middle.
            let at = if random.percent(80) { 0 } else { random.below(free.len()) };
            let longest = 1 + random.below(20);
            let run = free[at..].iter().zip(free[at]..).take_while(|(n, expected)| **n == *expected);
            let last = run.take(longest).last().map_or(free[at], |(n, _)| *n);
            let range = free[at]..=last;
            if kind == 4 { Step::GiveUp { queue, range } } else { Step::Confirm { queue, range } }
        }
        _ => {
            let some: Vec<usize> = (0..LOGS.len()).filter(|_| random.percent(50)).collect();
            let to = some.into_iter().map(|log| (log, 1 + random.below(8) as u64)).collect();
            let key = random.percent(70).then(|| random.below(8) as u64);
            Step::Append { to, key, urgent: random.percent(20) }
        }
    }
}

fn apply(step: &Step, number: usize, content: &mut Content) {
    content.state.insert("step".to_string(), number as i64);
    match step {
        Step::Append { to, key, .. } => {
            for (log, count) in to {
                content.next[*log] += count;
            }
            content.state.extend(key.map(|key| (format!("key{key}"), number as i64)));
        }
        Step::Confirm { queue, range } => content.confirmed[*queue].extend(range.clone()),
        Step::GiveUp { queue, range } => content.given_up[*queue].extend(range.clone()),
        Step::Context { key: Some(key) } => drop(content.context.insert(format!("key{key}"), number as i64)),
        Step::Context { key: None } => content.context.clear(),
    }
}

/// A store with batches and segments so small, and checkpoints so frequent, that all that goes on in one goes on in a test.
pub fn open(directory: &Path, durability: Durability) -> Result<Store, StoreError> {
    let options = Options {
        setup: Setup { durability, checkpoint_pages: 20 },
        batching: Batching { messages: 20, bytes: 16 * 1024, linger: Duration::from_millis(1) },
        upkeep: Upkeep { segment_bytes: SEGMENT_BYTES, every: Duration::ZERO },
    };
    let store = Store::open(directory, options)?;
    // It is overtaken: it never reads.
    store.log(LOGS[LITTLE], &retention(LITTLE)).cursor(READER);
    Ok(store)
}

/// The record at a place in a log. Noise cannot be compressed; some is longer than a block.
pub fn record(log: usize, sequence: u64) -> Record {
    let id = log as u64 * 1_000_000 + sequence;
    let mut random = Random(id);
    let length = if random.percent(3) { 12_000 } else { random.below(900) };
    let value = [("id", Value::from(id as i64)), ("payload", Value::from(random.bytes(length)))];
    Record {
        value: value.into_iter().collect(),
        wall_ms: id as i64,
        source: Str::new(NODE),
        ..Record::default()
    }
}

/// The marks in a recording.
pub fn submitted(number: usize) -> u64 {
    2 * number as u64
}

pub fn acknowledged(number: usize) -> u64 {
    2 * number as u64 + 1
}

/// What the store has said of the steps.
#[derive(Default)]
pub struct Told {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    until: usize,
    wrong: Option<String>,
}

impl Told {
    /// Where so many steps are known to be there.
    pub fn from(until: usize) -> Arc<Told> {
        Arc::new(Told { state: Mutex::new(State { until, wrong: None }), changed: Condvar::new() })
    }

    fn tell(&self, number: usize, result: Result<Vec<u64>, String>, expected: &Vec<u64>) {
        let mut state = self.state.lock().unwrap();
        if result.as_ref() != Ok(expected) && state.wrong.is_none() {
            state.wrong = Some(format!("step {number} got {result:?} and not {expected:?}"));
        }
        state.until = state.until.max(number);
        self.changed.notify_all();
    }

    fn wait(&self, number: usize) {
        let waited = self.changed.wait_while(self.state.lock().unwrap(), |state| state.until < number);
        drop(waited.unwrap());
    }

    /// So many steps are acknowledged.
    pub fn until(&self) -> usize {
        self.state.lock().unwrap().until
    }

    /// Waits for a step, and says what was wrong until then.
    pub fn all(&self, number: usize) -> Result<(), String> {
        self.wait(number);
        self.state.lock().unwrap().wrong.clone().map_or(Ok(()), Err)
    }
}
