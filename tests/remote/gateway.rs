//! A gateway without its command line: the real receiver, deployer and engine. And those who look at it over the broker.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tidegate::config::Config;
use tidegate::deploy::{Deployer, Source, Tools, Vitals};
use tidegate::engine::{Engine, LogObserver, Options};
use tidegate::flow::Document;
use tidegate::remote::address::Address;
use tidegate::remote::intake::Intake;
use tidegate::remote::mqtt;
use tidegate::remote::topics::{CHUNK, Offer};
use tidegate_nodes::host::Settings;

use crate::brokers::PATIENCE;
use crate::brokers::mosquitto::{Mosquitto, Subscriber};

pub struct Gateway {
    pub intake: Arc<Intake>,
}

impl Gateway {
    /// One that nothing is connected to.
    pub fn alone(data: &Path, name: &str, runtime: &tokio::runtime::Handle) -> Gateway {
        let vitals = Arc::new(Vitals::new(Arc::new(LogObserver::default())));
        let options = Options { threads: 1, ..Options::default() };
        let engine = Engine::start(options, vitals.clone(), runtime.clone()).unwrap();
        let tools = Tools {
            engine: Arc::new(engine),
            config: Arc::new(Config::open(data).unwrap()),
            vitals,
            settings: Settings::default(),
            file: data.join("flows.json"),
        };
        let source = Source::Stored { or: Document::default() };
        let deployer = Deployer::start(tools, source, true).unwrap().deployer;
        Gateway { intake: Arc::new(Intake::new(deployer, name, data).unwrap()) }
    }

    pub fn start(data: &Path, name: &str, port: u16, runtime: &tokio::runtime::Handle) -> Gateway {
        let gateway = Gateway::alone(data, name, runtime);
        let options = mqtt::Options {
            address: Address::parse(&format!("mqtt://127.0.0.1:{port}")).unwrap(),
            authority: None,
            prefix: "tidegate".to_string(),
            patience: Duration::from_secs(1),
        };
        mqtt::start(gateway.intake.deployer().engine(), runtime, gateway.intake.clone(), options).unwrap();
        gateway
    }

    /// The number of the revision that runs, and the label of its first tab.
    pub fn runs(&self) -> (i64, String) {
        let current = self.intake.deployer().current();
        let label = current.document.nodes.first().map(|node| node.name.clone()).unwrap_or_default();
        (current.revision.number, label)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.intake.stop();
        self.intake.deployer().stop();
        self.intake.deployer().engine().stop(Duration::from_secs(2));
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Publishes chunks as `tidegate fleet` does, by the command line client; `alter` sees each of them.
pub fn publish_chunks(
    broker: &Mosquitto,
    bytes: &[u8],
    alter: impl Fn(usize, &mut Vec<u8>) -> bool,
) -> Offer {
    let offer = Offer::of(bytes, 0);
    let folder = tempfile::tempdir().unwrap();
    for (n, chunk) in bytes.chunks(CHUNK).enumerate() {
        let mut chunk = chunk.to_vec();
        if alter(n, &mut chunk) {
            publish(broker, folder.path(), &format!("tidegate/bundles/{}/{n}", offer.id), &chunk);
        }
    }
    offer
}

pub fn publish(broker: &Mosquitto, folder: &Path, topic: &str, payload: &[u8]) {
    let file = folder.join("payload");
    std::fs::write(&file, payload).unwrap();
    broker.publish(&["-r", "-q", "1", "-t", topic, "-f", file.to_str().unwrap()]);
}

pub fn offer_to(broker: &Mosquitto, name: &str, offer: &Offer) {
    let folder = tempfile::tempdir().unwrap();
    publish(broker, folder.path(), &format!("tidegate/gateways/{name}/offer"), &offer.to_json());
}

/// Publishes a bundle and offers it.
pub fn deploy(broker: &Mosquitto, name: &str, bytes: &[u8]) -> Offer {
    let offer = publish_chunks(broker, bytes, |_, _| true);
    offer_to(broker, name, &offer);
    offer
}

/// What a gateway says about itself.
pub struct Watcher(Subscriber);

impl Watcher {
    pub fn of(broker: &Mosquitto, name: &str) -> Watcher {
        Watcher(broker.subscribe(&["-q", "1", "-t", &format!("tidegate/gateways/{name}/status")]))
    }

    pub fn all(&self) -> Vec<Json> {
        self.0.received().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for a report that fits, and gives it.
    #[track_caller]
    pub fn wait(&self, what: &str, fits: impl Fn(&Json) -> bool) -> Json {
        let end = Instant::now() + PATIENCE;
        loop {
            let all = self.all();
            if let Some(found) = all.iter().rev().find(|report| fits(report)) {
                return found.clone();
            }
            assert!(Instant::now() < end, "waited in vain for {what}; it said {all:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for what has come of a bundle.
    #[track_caller]
    pub fn verdict(&self, offer: &Offer) -> Json {
        self.wait("a verdict", |report| {
            let state = report["state"].as_str().unwrap_or_default();
            report["id"] == offer.id && matches!(state, "good" | "failed" | "refused")
        })
    }
}
