use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tidegate_nodes::host::Settings;

use super::bundle::{hash_of, id_of, sign};
use super::bundle_tests::{contents, key};
use super::contents::Contents;
use super::intake::Intake;
use super::key::PrivateKey;
use super::report::{Report, State};
use super::trust::Trust;
use crate::config::{Admission, Config};
use crate::deploy::{Deployer, Source, Tools, Vitals};
use crate::engine::{Engine, LogObserver, Options};
use crate::flow::Document;

struct Gateway {
    intake: Arc<Intake>,
    _runtime: tokio::runtime::Runtime,
}

fn start(dir: &Path, was_clean: bool) -> Gateway {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let vitals = Arc::new(Vitals::new(Arc::new(LogObserver::default())));
    let engine = Engine::start(Options::default(), vitals.clone(), runtime.handle().clone()).unwrap();
    let tools = Tools {
        engine: Arc::new(engine),
        config: Arc::new(Config::open(dir).unwrap()),
        vitals,
        settings: Settings::default(),
        file: dir.join("flows.json"),
    };
    let source = Source::Stored { or: Document::default() };
    let deployer = Deployer::start(tools, source, was_clean).unwrap().deployer;
    Gateway { intake: Arc::new(Intake::new(deployer, "site-7", dir).unwrap()), _runtime: runtime }
}

impl Gateway {
    fn take(&self, bytes: &[u8]) -> Result<Report, String> {
        self.intake.take(bytes, "test", &mut || true).map_err(|refused| refused.to_string())
    }

    fn runs(&self) -> i64 {
        self.intake.deployer().current().revision.number
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.intake.stop();
        self.intake.deployer().stop();
        self.intake.deployer().engine().stop(Duration::from_secs(1));
    }
}

fn trusted(dir: &Path) -> PrivateKey {
    let key = key();
    Trust::of(dir).add(key.public(), "ci").unwrap();
    key
}

fn named(name: &str, sequence: i64) -> Contents {
    let flows = json!([{"id": "t", "type": "tab", "label": name}]);
    Contents { flows, probation: 1, env: Default::default(), ..contents(sequence) }
}

fn label(gateway: &Gateway) -> Json {
    gateway.intake.deployer().current().document.nodes[0].properties["label"].clone()
}

#[test]
fn a_bundle_is_deployed_once_and_tells_its_verdict_again() {
    let dir = tempfile::tempdir().unwrap();
    let key = trusted(dir.path());
    let gateway = start(dir.path(), true);
    let bytes = sign(&named("a", 10), &key).unwrap();
    let report = gateway.take(&bytes).unwrap();
    assert_eq!((report.state, report.revision, report.sequence), (State::Good, Some(1), Some(10)));
    assert_eq!(report.id, id_of(&hash_of(&bytes)));
    let revision = gateway.intake.deployer().config().revision(1).unwrap().unwrap();
    assert_eq!((revision.who.as_str(), revision.why.as_str()), ("ada (key \"ci\")", "a test"));
    assert_eq!(gateway.take(&bytes).unwrap(), report);
    assert_eq!(gateway.runs(), 1);
    drop(gateway);
    let gateway = start(dir.path(), true);
    assert_eq!(gateway.intake.reports().borrow().state, State::Good);
    assert_eq!(gateway.take(&bytes).unwrap(), report);
}

#[test]
fn what_is_not_to_be_deployed_is_refused_and_nothing_changes() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), true);
    let key = key();
    let bytes = sign(&named("a", 10), &key).unwrap();
    let refused = |bytes: &[u8]| gateway.take(bytes).unwrap_err();
    assert!(refused(&bytes).contains("no key is trusted here"));
    trusted(dir.path());
    assert!(refused(&bytes).contains("not trusted here (ed25519 "));
    assert_eq!(gateway.intake.reports().borrow().state, State::Refused);
    Trust::of(dir.path()).add(key.public(), "late").unwrap();
    assert_eq!(gateway.take(&bytes).unwrap().state, State::Good);
    for (contents, why) in [
        (
            named("b", 10),
            "the bundle is old: its sequence is 10, and 10 of the key \"late\" was deployed here",
        ),
        (named("b", 9), "the bundle is old"),
        (
            Contents { gateways: vec!["site-8".to_string()], ..named("b", 11) },
            "for site-8, and this gateway is site-7",
        ),
        (
            Contents {
                flows: json!([{"id": "t", "type": "tab"}, {"id": "j", "type": "junction", "z": "t", "wires": [["no"]]}]),
                ..named("b", 11)
            },
            "the flows have errors",
        ),
    ] {
        let text = refused(&sign(&contents, &key).unwrap());
        assert!(text.contains(why), "{text}");
        assert_eq!(gateway.intake.reports().borrow().reason, text);
    }
    let mut altered = sign(&named("b", 11), &key).unwrap();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert!(refused(&altered).contains("the signature is wrong"));
    assert_eq!((gateway.runs(), label(&gateway)), (1, json!("a")));
    // None of them has taken the number.
    assert_eq!(gateway.take(&sign(&named("b", 11), &key).unwrap()).unwrap().state, State::Good);
}

#[test]
fn whoever_deploys_must_be_reached_from_the_middle_of_the_probation_on() {
    let dir = tempfile::tempdir().unwrap();
    let key = trusted(dir.path());
    let gateway = start(dir.path(), true);
    gateway.take(&sign(&named("a", 1), &key).unwrap()).unwrap();
    let bytes = sign(&named("b", 2), &key).unwrap();
    let report = gateway.intake.take(&bytes, "test", &mut || false).unwrap();
    assert_eq!((report.state, report.revision), (State::Failed, Some(2)));
    assert!(report.reason.contains("did not come back"), "{}", report.reason);
    assert_eq!((gateway.runs(), label(&gateway)), (1, json!("a")));
    let since = std::time::Instant::now();
    let mut first = None;
    let mut reach = || {
        first.get_or_insert(since.elapsed());
        true
    };
    let bytes = sign(&named("c", 3), &key).unwrap();
    assert_eq!(gateway.intake.take(&bytes, "test", &mut reach).unwrap().state, State::Good);
    assert!(first.unwrap() >= Duration::from_millis(500), "{first:?}");
}

#[test]
fn a_deploy_that_was_cut_off_is_taken_up_again_but_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let key = trusted(dir.path());
    let bytes = sign(&named("a", 10), &key).unwrap();
    let hash = hash_of(&bytes);
    let gateway = start(dir.path(), true);
    // The power went between the note and the deploy.
    let config = gateway.intake.deployer().config().clone();
    assert_eq!(config.admit_bundle(&key.public().0, 10, &hash).unwrap(), Admission::New);
    assert!(gateway.take(&sign(&named("b", 9), &key).unwrap()).unwrap_err().contains("is old"));
    assert_eq!(gateway.take(&bytes).unwrap().revision, Some(1));
    drop((gateway, config));
    // It goes down on probation, each time.
    let long = sign(&Contents { probation: 600, ..named("c", 11) }, &key).unwrap();
    for attempt in 1..=3 {
        let gateway = start(dir.path(), false);
        assert_eq!(gateway.runs(), 1, "the good one runs after a crash");
        let mut reports = gateway.intake.reports();
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| gateway.take(&long));
            let on_probation = |report: &Report| report.state == State::Probation;
            gateway._runtime.block_on(reports.wait_for(on_probation)).unwrap();
            assert_eq!(gateway.runs(), 1 + attempt);
            gateway.intake.stop();
            assert!(taking.join().unwrap().unwrap_err().contains("the gateway stops"));
        });
    }
    let gateway = start(dir.path(), false);
    let report = gateway.take(&long).unwrap();
    assert_eq!(report.state, State::Failed);
    assert!(report.reason.contains("went down each time in 3 tries"), "{}", report.reason);
    assert_eq!(gateway.runs(), 1);
    // After a stop in order it goes on where it was.
    let long = sign(&Contents { probation: 600, ..named("d", 12) }, &key).unwrap();
    let mut reports = gateway.intake.reports();
    std::thread::scope(|scope| {
        let taking = scope.spawn(|| gateway.take(&long).map(drop));
        gateway._runtime.block_on(reports.wait_for(|report| report.state == State::Probation)).unwrap();
        gateway.intake.stop();
        taking.join().unwrap().unwrap_err();
    });
    let number = gateway.runs();
    drop(gateway);
    let gateway = start(dir.path(), true);
    assert_eq!(gateway.runs(), number, "it is watched anew");
}
