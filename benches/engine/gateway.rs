//! The gateway as a whole: deploy, and the real program's start, memory and size.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value as Json;
use tidegate::engine::{Engine, Options};
use tidegate::flow::Deployment;

use crate::bed::{Errors, check, parse, plan};
use crate::child::{Child, least};
use crate::report::{Row, say};
use crate::yardsticks::{Yardsticks, times};
use crate::{Suite, cpu};

/// What Cargo built beside this program.
pub const TIDEGATE: &str = env!("CARGO_BIN_EXE_tidegate");

const GATEWAY: &str = "the gateway";

/// 200 tabs with 1,400 nodes.
pub fn large_flow(folder: &Path) -> anyhow::Result<PathBuf> {
    let file = folder.join("large.json");
    let made = Command::new(TIDEGATE)
        .args(["generate", "flow", "--tabs", "200", "--nodes", "7", "--out"])
        .arg(&file)
        .output()
        .context("cannot run tidegate generate")?;
    ensure!(made.status.success(), "tidegate generate: {}", String::from_utf8_lossy(&made.stderr));
    Ok(file)
}

/// One changed node among 1,400, from the text of the flow to the running node.
pub fn deploy(suite: &Suite) -> anyhow::Result<Vec<Row>> {
    let text = std::fs::read_to_string(large_flow(suite.folder())?)?;
    let mut flow: Json = serde_json::from_str(&text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let errors = Arc::new(Errors::default());
    let engine = Engine::start(Options::default(), errors.clone(), runtime.handle().clone())?;
    let before = cpu::process();
    engine.deploy(plan(text.as_bytes())?, Deployment::Full);
    let whole = cpu::process() - before;

    let mut best = [f64::INFINITY; 4];
    let mut wall = f64::INFINITY;
    for round in 0..suite.rounds(30) {
        // Another change in the same node each time.
        let changed =
            flow[3]["rules"][0].as_object_mut().context("the third node of the flow is a change node")?;
        changed.insert("p".to_string(), format!("changed{round}").into());
        let text = flow.to_string();
        let (began, start) = (Instant::now(), cpu::process());
        let document = parse(text.as_bytes())?;
        let parsed = cpu::process();
        let plan = check(&document)?;
        let checked = cpu::process();
        let deployed = engine.deploy(plan, Deployment::Nodes);
        let end = cpu::process();
        wall = wall.min(ms(began.elapsed()));
        let spent = [end - start, parsed - start, checked - parsed, end - checked];
        best.iter_mut().zip(spent).for_each(|(best, spent)| *best = best.min(ms(spent)));
        let (started, kept) = (deployed.started.len(), deployed.kept);
        ensure!(started == 1 && kept == 1_399, "{started} nodes were started, {kept} ran on");
    }
    engine.stop(Duration::from_secs(5));
    ensure!(errors.count() == 0, "{} errors in the flow of the bench", errors.count());
    let [best, parse, check, swap] = best;
    Ok(vec![
        Row::figure(GATEWAY, "deploy of one changed node among 1,400, CPU", best, "ms")
            .at_most(10.0)
            .note(format!("parse {parse:.1}, check {check:.1}, swap {swap:.1}; 1,399 ran on"))
            .detail("wall_ms", wall),
        Row::figure(GATEWAY, "deploy of all 1,400, CPU", ms(whole), "ms"),
    ])
}

/// Reads and checks the large flow over and over, for a profiler.
pub fn profile_check(suite: &Suite) -> anyhow::Result<()> {
    let text = std::fs::read(large_flow(suite.folder())?)?;
    for _ in 0..300 {
        plan(&text)?;
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// From the start of the program to its line that says it runs, by the clock: the least of many starts.
pub fn start(suite: &Suite, yardsticks: &Yardsticks) -> anyhow::Result<Vec<Row>> {
    let folder = suite.folder();
    let empty = folder.join("empty.json");
    std::fs::write(&empty, "[]\n")?;
    let large = large_flow(folder)?;
    let mut rows = Vec::new();
    for (what, file, goal) in
        [("start to ready, empty", &empty, 30.0), ("start to ready, 1,400 nodes", &large, 150.0)]
    {
        let (mut wall, mut spent) = (Vec::new(), Vec::new());
        for _ in 0..suite.rounds(20) {
            let began = Instant::now();
            let mut child = run(file)?;
            child.wait_for(" runs ", Duration::from_secs(30))?;
            wall.push(began.elapsed().as_secs_f64() * 1e3);
            spent.push(child.cpu()?.as_secs_f64() * 1e3);
        }
        let (wall, spent) = (least(&wall), least(&spent));
        let mut row = Row::figure(GATEWAY, what, wall, "ms").at_most(goal).note(format!("CPU {spent:.1} ms"));
        if let Some(node_red) = yardsticks.node_red("start").filter(|_| *file == empty) {
            row = row.note(format!("Node-RED {}: {} x", say(node_red, "ms"), times(node_red / wall)));
        }
        rows.push(row.detail("cpu_ms", spent));
    }
    Ok(rows)
}

fn run(file: &Path) -> anyhow::Result<Child> {
    Child::start(Command::new(TIDEGATE).arg("run").arg(file))
}

/// Resident memory when nothing happens, and of the demo, which is always at it.
pub fn memory(suite: &Suite, yardsticks: &Yardsticks) -> anyhow::Result<Vec<Row>> {
    let folder = suite.folder();
    let empty = folder.join("empty.json");
    std::fs::write(&empty, "[]\n")?;
    let large = large_flow(folder)?;
    let mut rows = Vec::new();
    for (what, file) in
        [("memory, idle", Some(&empty)), ("memory, the demo", None), ("memory, 1,400 nodes", Some(&large))]
    {
        let mut command = Command::new(TIDEGATE);
        command.arg("run");
        if let Some(file) = file {
            command.arg(file);
        }
        let mut child = Child::start(&mut command)?;
        child.wait_for(" runs ", Duration::from_secs(30))?;
        std::thread::sleep(Duration::from_secs(if suite.quick { 1 } else { 4 }));
        let now = child.memory(false)? as f64 / 1e6;
        let before = child.cpu()?;
        std::thread::sleep(Duration::from_secs(1));
        let idles = (child.cpu()? - before).as_secs_f64() * 100.0;
        let mut row = Row::figure(GATEWAY, what, now, "MB")
            .note(format!("peak {:.1}; CPU {idles:.2} %", child.memory(true)? as f64 / 1e6))
            .detail("cpu_percent", idles);
        if file == Some(&empty) {
            row = row.at_most(15.0).note("without editor and broker, which come later");
            if let Some(node_red) = yardsticks.node_red("memory") {
                row = row.note(format!("Node-RED {}", say(node_red, "MB")));
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The program as it is shipped, and the core without features where it was built.
pub fn size(suite: &Suite) -> anyhow::Result<Vec<Row>> {
    let size = |file: &Path| std::fs::metadata(file).map(|meta| meta.len() as f64 / 1e6);
    let whole = size(Path::new(TIDEGATE)).context(TIDEGATE)?;
    let mut rows = vec![Row::figure(GATEWAY, "binary, stripped", whole, "MB").at_most(25.0)];
    let what = "binary, --no-default-features";
    rows.push(match &suite.core {
        Some(core) => {
            Row::figure(GATEWAY, what, size(core).with_context(|| core.display().to_string())?, "MB")
                .at_most(8.0)
        }
        None => Row::skipped(GATEWAY, what, "not built in a quick run"),
    });
    Ok(rows)
}
