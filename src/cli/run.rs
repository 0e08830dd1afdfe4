//! `tidegate run`: runs a flow until it is told to stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use tidegate_nodes::host::Settings;
use tidegate_nodes::value::Value;

use super::console::Console;
use super::data_dir::DataDir;
use super::elsewhere::Elsewhere;
use super::heal::{self, Heal};
use super::process::{more_files, no_core_dumps, seed};
use super::signals::{Heard, Signals};
use super::{Outcome, broker, https, logging, output, settings};
use crate::access::{Access, Moment};
use crate::api::{Api, Gateway, Hub, Presses, has_editor};
use crate::config::Config;
use crate::control::{Control, Live};
use crate::deploy::{Deployer, FILE, Order, Probation, Receipt, Refusal, Source, Started, Tools, Vitals};
use crate::engine::{DISK, Deployed, Drained, Engine, Options};
use crate::flow::{self, Deployment, Document, Limits, Plan, Problem, ProcessEnv};
use crate::store::Store;

/// Run a flow; without one, a demo on a simulated site
///
/// SIGTERM and Ctrl-C stop it in order: sources first, then what is under way. SIGHUP reads the flow file again and
/// restarts only the nodes that changed; a file with errors changes nothing.
#[derive(Debug, Args)]
pub struct Run {
    /// The flow to run
    #[arg(value_name = "FLOW.json")]
    flow: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
    #[command(flatten)]
    settings: settings::Flags,
    /// Print what debug nodes show as JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Stop by itself after so many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    run_for: Option<f64>,
}

/// The flow that runs when none is named.
const DEMO: &str = include_str!("../../flows/demo.json");

impl Run {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("info", true);
        let document = match &self.flow {
            Some(path) => Document::read(path, &Limits::default()),
            None => Document::parse(DEMO.as_bytes(), &Limits::default()),
        };
        let name =
            self.flow.as_ref().map_or_else(|| "the demo".to_string(), |path| path.display().to_string());
        let directory = self.data.path();
        let configured = settings::Settings::load(&directory, &self.settings)?;
        more_files();
        no_core_dumps();
        let mut settings = configured.nodes();
        settings.other.insert("data_dir".to_string(), Value::from(directory.to_string_lossy().into_owned()));
        let document = match document {
            Ok(document) => document,
            Err(problems) => return Ok(not_started(&name, &problems)),
        };
        let store = Arc::new(Store::open(&directory, configured.store())?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("io")
            .worker_threads(configured.io_threads)
            .enable_all()
            .build()
            .context("cannot start the I/O threads")?;
        // From here on a signal is not lost, and none ends it in the middle of its start.
        let signals = runtime.block_on(async { Signals::new() }).context("cannot listen for signals")?;
        let tls = https::prepare(&configured, &directory)?;
        let api = Api::new(configured.api(tls), runtime.handle().clone());
        let options = Options {
            seed: seed(),
            settings: settings.clone(),
            store: Some(store.clone()),
            http: Some(api.lent()),
            context_stores: context_stores(configured.context_default.name()),
            ..Options::default()
        };
        let live = Arc::new(Hub::new(Arc::new(Console::new(self.json))));
        let vitals = Arc::new(Vitals::new(live.clone()));
        let engine = Engine::start(options, vitals.clone(), runtime.handle().clone())
            .context("cannot start the lane threads")?;
        let engine = Arc::new(engine);
        let control = Control::serve(store.clone(), known(&engine), runtime.handle())
            .with_context(|| format!("cannot listen for commands in {}", directory.display()))?;
        if let Some(address) = configured.mqtt {
            broker::start(&engine, address, &settings)?;
        }
        api.start();
        let config = Arc::new(Config::open(&directory)?);
        let tools = Tools {
            engine: engine.clone(),
            config: config.clone(),
            vitals,
            settings,
            file: self.flow.clone().unwrap_or_else(|| directory.join("flows.json")),
        };
        let source = match self.flow {
            Some(_) => Source::File(document),
            None => Source::Stored { or: document },
        };
        let Started { deployer, deployed } = match Deployer::start(tools, source, store.was_clean()) {
            Ok(started) => started,
            Err(Refusal::Problems(problems)) => {
                engine.stop(Duration::from_secs(1));
                api.stop();
                store.close();
                return Ok(not_started(&name, &problems));
            }
            Err(other) => return Err(other.into()),
        };
        let presses = Arc::new(Presses::new(config.clone()));
        let access = Arc::new(Access::new(config, Moment::now())?);
        let (weak_access, weak_presses) = (Arc::downgrade(&access), Arc::downgrade(&presses));
        let (deploys, kept) = (deployer.clone(), store.clone());
        api.serve(Gateway { deployer: deploys, access: access.clone(), store: kept, live, presses });
        runtime.spawn(tend(weak_access, weak_presses));
        api.set_ready();
        let current = deployer.current();
        let is_demo = self.flow.is_none() && current.revision.number == 0;
        let name = if self.flow.is_none() && !is_demo {
            format!("revision {}", current.revision.number)
        } else {
            name
        };
        output::problems(&name, &current.problems);
        tell_deployed(&deployed);
        eprintln!("tidegate {} runs {name}: {}", env!("CARGO_PKG_VERSION"), size(&deployed));
        eprintln!("data in {}; {}", directory.display(), store.durability().promise());
        match api.address() {
            Some(address) if has_editor() => eprintln!("the editor is at {address}/"),
            Some(_) => eprintln!("this program was built without the editor; `make run` builds both"),
            None => {}
        }
        if let (Some(address), Some(link)) = (api.address(), access.setup_link_token(Moment::now())?) {
            eprintln!(
                "there is no admin yet; make the first one within an hour: {address}/set-up#{}",
                link.text()
            );
        }
        if is_demo {
            eprintln!("{NEXT}");
        }
        let elsewhere = Elsewhere::start(&configured, &directory, &deployer, runtime.handle())?;
        let heard = self.wait(signals, &runtime, &deployer, &store, &api);
        drop(control);
        drop(elsewhere);
        deployer.stop();
        // What is under way cannot end on a damaged disk: its sources give it again.
        let drain = if heard == Heard::Damage { Duration::from_secs(1) } else { configured.drain() };
        let drained = engine.stop(drain);
        api.stop();
        store.close();
        if heard == Heard::Damage {
            drop(deployer);
            drop(engine);
            bail!("the database is damaged, and the gateway cannot start again: {}", heal::start_again());
        }
        Ok(tell_drained(&drained))
    }

    /// Until a signal says stop, the time is over or the database is damaged; a hang-up reads the flow again.
    fn wait(
        &self,
        mut signals: Signals,
        runtime: &tokio::runtime::Runtime,
        deployer: &Arc<Deployer>,
        store: &Store,
        api: &Api,
    ) -> Heard {
        let end =
            self.run_for.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
        let mut heal = Heal::new();
        loop {
            match runtime.block_on(signals.next(end, &mut heal, store)) {
                heard @ Heard::Stop => {
                    eprintln!("stopping; once more to stop at once");
                    runtime.spawn(async move {
                        signals.stop().await;
                        std::process::exit(1);
                    });
                    return heard;
                }
                heard @ (Heard::TimeIsOver | Heard::Damage) => return heard,
                Heard::HangUp => {
                    api.renew_certificates();
                    match &self.flow {
                        Some(path) => reload(path, deployer),
                        None => {
                            eprintln!("no flow file was named at the start, so there is none to read again")
                        }
                    }
                }
            }
        }
    }
}

/// What the engine knows for `tidegate status`.
fn known(engine: &Arc<Engine>) -> Live {
    let engine = Arc::downgrade(engine);
    Arc::new(move || {
        let Some(engine) = engine.upgrade() else { return Default::default() };
        let mut live = serde_json::Map::new();
        live.insert("outboxes".to_string(), json!(engine.backlogs()));
        live.insert("sources".to_string(), json!(engine.sources()));
        live
    })
}

/// Both stores for contexts, the default one first.
fn context_stores(default: &str) -> Vec<String> {
    let mut stores = vec!["memory".to_string(), DISK.to_string()];
    stores.sort_by_key(|name| name != default);
    stores
}

const NEXT: &str = "\
This is a demo: simulated base stations send readings and alarms, and the flow filters them. You see its debug nodes.
  Run a flow of your own     tidegate run FLOW.json
  Look at the examples       flows/ in the source, each with a test beside it
  Check a flow               tidegate check FLOW.json
  Test a flow                tidegate test FLOW.test.json
  See all nodes              tidegate nodes
Ctrl-C stops it.";

fn not_started(name: &str, problems: &[Problem]) -> Outcome {
    output::problems(name, problems);
    eprintln!("{name} was not started: {}", output::count(problems));
    Outcome::Failed
}

/// Checks a document and says what is wrong; nothing is started where there is an error.
pub fn checked(document: Result<Document, Vec<Problem>>, name: &str, settings: &Settings) -> Option<Plan> {
    let (plan, problems) = match document {
        Ok(document) => flow::check(&document, &ProcessEnv::of_process(), &Arc::new(settings.clone())),
        Err(problems) => (Plan::default(), problems),
    };
    output::problems(name, &problems);
    if problems.iter().any(Problem::is_error) {
        eprintln!("{name} was not started: {}", output::count(&problems));
        return None;
    }
    Some(plan)
}

/// Writes down from time to time what there is to write about who came in, and what they did on the dashboard.
async fn tend(access: std::sync::Weak<Access>, presses: std::sync::Weak<Presses>) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let Some(access) = access.upgrade() else { return };
        let presses = presses.upgrade();
        let tended = tokio::task::spawn_blocking(move || {
            presses.inspect(|presses| presses.tend(Instant::now()));
            access.tend(Moment::now())
        });
        let tended = tended.await;
        if let Ok(Err(error)) = tended {
            tracing::warn!("when users and tokens were last here cannot be written: {error}");
        }
    }
}

fn size(deployed: &Deployed) -> String {
    let nodes = output::plural(deployed.nodes, "node");
    format!("{nodes} in {}", output::plural(deployed.flows, "flow"))
}

fn reload(path: &Path, deployer: &Arc<Deployer>) {
    let name = path.display().to_string();
    let deployed = Document::read(path, &Limits::default()).map_err(Refusal::Problems).and_then(|document| {
        deployer.deploy(Order {
            document,
            deployment: Deployment::Nodes,
            seen: None,
            who: "file".to_string(),
            via: FILE,
            why: "the flow file was read again".to_string(),
            name: String::new(),
            probation: Probation::OFF,
        })
    });
    match deployed {
        Ok(Receipt { deployed, problems, .. }) => {
            output::problems(&name, &problems);
            tell_deployed(&deployed);
            eprintln!(
                "deployed {name}: {}; {} started, {} stopped, {} ran on",
                size(&deployed),
                deployed.started.len(),
                deployed.stopped.len(),
                deployed.kept
            );
        }
        Err(refusal) => {
            match refusal {
                Refusal::Problems(problems) => drop(not_started(&name, &problems)),
                other => eprintln!("{name} was not started: {other}"),
            }
            eprintln!("what ran before runs on");
        }
    }
}

fn tell_deployed(deployed: &Deployed) {
    for refused in &deployed.refused {
        eprintln!("{} does not run: {} (at {})", refused.node, refused.error, refused.pointer);
    }
}

fn tell_drained(drained: &Drained) -> Outcome {
    for stuck in &drained.stuck {
        eprintln!("not done at the stop: {}: {}", stuck.node, stuck.why);
    }
    if drained.stuck.is_empty() { Outcome::Done } else { Outcome::Failed }
}
