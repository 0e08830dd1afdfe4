//! Deploys leave nothing behind. The process is the test's own, so that what is counted is the connector's.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::brokers::PATIENCE;
use crate::count;
use crate::stage::Stage;
use crate::subject::{Case, Subject};

/// After these everything is there that stays: pools, caches, threads that are made when they are needed.
const FIRST: u64 = 3;

pub fn many_deploys(subject: &Subject) -> String {
    let stage = Stage::standing(subject, Case::ManyDeploys);
    let deploy = |round: u64| {
        let mut nodes = stage.nodes();
        // The connector and the connection that it shares, where it does: both are built anew.
        for node in nodes.iter_mut().filter(|node| node["id"] == subject.id() || node["id"] == "b") {
            node["name"] = json!(format!("round {round}"));
        }
        assert!(stage.gateway().deploy(&nodes) > 0, "a node that changed is started");
        stage.until_back();
    };
    (0..FIRST).for_each(deploy);
    let before = Used::at_rest(&stage);
    (FIRST..count("CONNECTOR_DEPLOYS", 30)).for_each(deploy);
    let what = format!("no more is in use than before: {before:?}");
    stage.wait(&what, || Used::now(&stage).is_within(&before));
    format!("{} files, {} threads, {} tasks", before.files, before.threads, before.tasks)
}

/// What a process has in use.
#[derive(Debug, PartialEq)]
struct Used {
    files: usize,
    threads: usize,
    tasks: usize,
}

impl Used {
    fn now(stage: &Stage<'_>) -> Used {
        let entries = |path: &str| std::fs::read_dir(path).unwrap().count();
        Used {
            files: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
            tasks: stage.gateway().tasks(),
        }
    }

    /// When the count has stood still for a while: what deploys replace is closed in the background.
    fn at_rest(stage: &Stage<'_>) -> Used {
        const STILL: usize = 10;
        let mut used = Used::now(stage);
        let mut same = 0;
        let end = Instant::now() + PATIENCE;
        while same < STILL {
            assert!(Instant::now() < end, "files, threads and tasks come and go: {used:?}");
            std::thread::sleep(Duration::from_millis(50));
            let now = Used::now(stage);
            same = if now == used { same + 1 } else { 0 };
            used = now;
        }
        used
    }

    fn is_within(&self, before: &Used) -> bool {
        self.files <= before.files && self.threads <= before.threads && self.tasks <= before.tasks
    }
}
