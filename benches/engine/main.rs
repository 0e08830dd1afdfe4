//! The performance suite: `make bench`. Every figure is CPU time, memory, or a ratio within this run; the few times by
//! the clock are the least of many tries. What is compared with is measured first.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is its result")]

mod bed;
mod child;
mod cpu;
mod flows;
mod gateway;
mod mqtt;
mod node_red;
mod nodes;
mod report;
mod store;
mod yardsticks;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value as Json;
use tidegate::engine::Options;
use tidegate_nodes::node::NodeConfig;

use node_red::NodeRed;
use report::{Report, Row};
use yardsticks::Yardsticks;

/// The allocator of the gateway.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure the gateway, print a table, write a report
#[derive(Parser)]
struct Arguments {
    /// Only these parts: chains, functions, fan-out, split, deploy, start, memory, size, mqtt, store
    parts: Vec<String>,
    /// Fewer rounds: for a look, not for a figure to keep
    #[arg(long)]
    quick: bool,
    /// Leave Node-RED out
    #[arg(long)]
    without_node_red: bool,
    /// Where the report goes
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// A gateway built with --no-default-features, for its size
    #[arg(long, value_name = "FILE")]
    core: Option<PathBuf>,
    /// Run one thing over and over, for `perf record`: change, switch, junction, function, filter, fan-out, check
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Cargo says it to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// What all parts of a run share.
pub struct Suite {
    pub quick: bool,
    pub core: Option<PathBuf>,
    folder: tempfile::TempDir,
}

impl Suite {
    pub fn rounds(&self, rounds: u32) -> u32 {
        if self.quick { rounds.div_ceil(5) } else { rounds }
    }

    /// For what is written on the way; gone at the end.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Why nodes of this kind cannot be measured, if they cannot: there are none, or they refuse this configuration.
pub fn missing(kind: &Json) -> Option<String> {
    let name = kind["type"].as_str().unwrap_or_default();
    let Some(node) = tidegate_nodes::find(name) else { return Some(format!("no {name} nodes yet")) };
    let properties = kind.as_object()?.clone();
    let config = NodeConfig {
        id: "n".into(),
        type_name: name.into(),
        name: "".into(),
        flow: "t".into(),
        outputs: 1,
        properties,
        settings: Options::default().settings.into(),
    };
    (node.build)(&config).err().map(|error| format!("{name}: {error}"))
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let suite = Suite {
        quick: arguments.quick,
        core: arguments.core,
        folder: tempfile::Builder::new().prefix("bench").tempdir()?,
    };
    // Set once: there is one run in a process.
    let _ = child::DATA.set(suite.folder().join("data"));
    if let Some(what) = &arguments.profile {
        return if what == "check" { gateway::profile_check(&suite) } else { nodes::profile(what) };
    }
    let wanted =
        |part: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|wanted| wanted == part);
    let node_red =
        if arguments.without_node_red { Err("not asked for".to_string()) } else { NodeRed::installed() };
    let yardsticks = measure_yardsticks(&suite, &node_red, &wanted);

    let mut report = Report::default();
    type Part<'p> = (&'static str, &'p dyn Fn() -> anyhow::Result<Vec<Row>>);
    let parts: [Part<'_>; 10] = [
        ("chains", &|| nodes::chains(&suite, &yardsticks)),
        ("functions", &|| nodes::functions(&suite, &yardsticks)),
        ("fan-out", &|| nodes::fan_out(&suite)),
        ("split", &|| nodes::split(&suite)),
        ("deploy", &|| gateway::deploy(&suite)),
        ("start", &|| gateway::start(&suite, &yardsticks)),
        ("memory", &|| gateway::memory(&suite, &yardsticks)),
        ("size", &|| gateway::size(&suite)),
        ("mqtt", &|| mqtt::rows(&suite, &node_red)),
        ("store", &|| store::rows(&suite)),
    ];
    for name in &arguments.parts {
        anyhow::ensure!(
            parts.iter().any(|(part, _)| part == name),
            "there is no part \"{name}\": see --help"
        );
    }
    for (part, measure) in parts.into_iter().filter(|(part, _)| wanted(part)) {
        eprintln!("measuring {part} ...");
        match measure() {
            Ok(rows) => report.rows.extend(rows),
            // One part that fails leaves the others their figures.
            Err(error) => report.rows.push(Row::skipped(part, part, format!("failed: {error:#}"))),
        }
    }
    println!();
    report.print();
    if let Some(path) = &arguments.report {
        report.write(path)?;
        println!("The figures are in {}", path.display());
    }
    Ok(())
}

fn measure_yardsticks(
    suite: &Suite,
    node_red: &Result<NodeRed, String>,
    wanted: &dyn Fn(&str) -> bool,
) -> Yardsticks {
    let mut yardsticks = Yardsticks::default();
    if wanted("chains") || wanted("functions") {
        eprintln!("measuring the floor ...");
        match yardsticks::floor_of_chains() {
            Ok(figures) => yardsticks.floor = figures,
            Err(error) => eprintln!("  skipped: {error:#}"),
        }
    }
    if ["chains", "functions", "start", "memory"].into_iter().any(wanted) {
        eprintln!("measuring Node-RED ...");
        match node_red {
            Ok(node_red) => match node_red.measure(suite) {
                Ok(figures) => yardsticks.node_red = figures,
                Err(error) => eprintln!("  skipped: {error:#}"),
            },
            Err(why) => eprintln!("  skipped: {why}"),
        }
    }
    yardsticks
}
