use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::*;
use crate::engine::{LogObserver, Options};
use crate::flow::Limits;

/// A gateway without its command line.
struct Gateway {
    deployer: Arc<Deployer>,
    _runtime: tokio::runtime::Runtime,
}

fn document(nodes: Json) -> Document {
    Document::from_json(nodes, &Limits::default()).unwrap()
}

fn start(dir: &Path, source: Source, was_clean: bool) -> Gateway {
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
    Gateway { deployer: Deployer::start(tools, source, was_clean).unwrap().deployer, _runtime: runtime }
}

fn empty() -> Source {
    Source::Stored { or: Document::default() }
}

impl Gateway {
    fn order(&self, nodes: Json, probation: Probation) -> Result<Receipt, Refusal> {
        self.deployer.deploy(Order {
            document: document(nodes),
            deployment: Deployment::Nodes,
            seen: None,
            who: "ada".to_string(),
            via: "test",
            why: String::new(),
            name: String::new(),
            probation,
        })
    }

    #[track_caller]
    fn wait_for(&self, standing: Standing, number: i64) -> Revision {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let revision = self.deployer.config().revision(number).unwrap().unwrap();
            if revision.standing == standing {
                return revision;
            }
            assert!(
                Instant::now() < end,
                "revision {number} is {:?}: {}",
                revision.standing,
                revision.reason
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn runs(&self, number: i64) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.deployer.current().revision.number != number {
            assert!(Instant::now() < end, "{} runs", self.deployer.current().revision.number);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.deployer.stop();
        self.deployer.engine().stop(Duration::from_secs(1));
    }
}

const SHORT: Probation = Probation { time: Duration::from_millis(600), needs_word: false };

fn sound(name: &str) -> Json {
    json!([{"id": "t", "type": "tab", "label": "one"}, {"id": "j", "type": "junction", "z": "t", "name": name, "wires": []}])
}

/// Port 1 has nobody who listens.
fn away() -> Json {
    json!([
        {"id": "t", "type": "tab", "label": "one"},
        {"id": "out", "type": "tcp out", "z": "t", "name": "uplink", "beserver": "client", "host": "127.0.0.1", "port": "1",
         "credentials": {"password": "hunter2"}, "wires": []}
    ])
}

fn failing() -> Json {
    json!([
        {"id": "t", "type": "tab", "label": "one"},
        {"id": "i", "type": "inject", "z": "t", "repeat": "0.01", "props": [], "wires": [["f"]]},
        {"id": "f", "type": "function", "lang": "rhai", "z": "t", "name": "broken", "outputs": 1, "func": "throw \"no\"", "wires": [[]]}
    ])
}

#[test]
fn a_healthy_revision_is_good_and_stands_in_the_flow_file() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), empty(), true);
    let receipt = gateway.order(sound("a"), SHORT).unwrap();
    assert_eq!((receipt.revision.number, receipt.revision.standing), (1, Standing::Probation));
    assert!(!dir.path().join("flows.json").exists());
    gateway.wait_for(Standing::Good, 1);
    let mut news = gateway.deployer.news();
    gateway._runtime.block_on(news.wait_for(|news| news.standing == Some(Standing::Good))).unwrap();
    let text = std::fs::read_to_string(dir.path().join("flows.json")).unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");
    // The same once more is no revision.
    let again = gateway.order(sound("a"), SHORT).unwrap();
    assert!(again.is_unchanged && again.diff.is_empty());
    assert_eq!(again.revision.number, 1);
}

#[test]
fn a_revision_whose_connection_does_not_come_up_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), empty(), true);
    gateway.order(sound("a"), Probation::OFF).unwrap();
    let before = std::fs::read(dir.path().join("flows.json")).unwrap();
    gateway.order(away(), SHORT).unwrap();
    let failed = gateway.wait_for(Standing::Failed, 2);
    assert!(failed.reason.contains("tcp out \"uplink\" (t/out) is not connected"), "{}", failed.reason);
    gateway.runs(1);
    assert!(gateway.deployer.current().revision.reason.contains("uplink"));
    assert_eq!(std::fs::read(dir.path().join("flows.json")).unwrap(), before);
    let noted = gateway.deployer.config().audit(i64::MAX, 10).unwrap();
    assert_eq!((noted[0].action.as_str(), noted[0].about.as_str()), ("roll back", "2"));
    // What was away before is no reason: the broker has been down all the time.
    gateway.order(away(), Probation::OFF).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let mut more = away();
    more.as_array_mut().unwrap().push(json!({"id": "j", "type": "junction", "z": "t", "wires": []}));
    gateway.order(more, SHORT).unwrap();
    gateway.wait_for(Standing::Good, 4);
}

#[test]
fn a_revision_that_fails_at_every_message_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), empty(), true);
    gateway.order(sound("a"), Probation::OFF).unwrap();
    gateway.order(failing(), SHORT).unwrap();
    let failed = gateway.wait_for(Standing::Failed, 2);
    assert!(failed.reason.contains("errors that no catch node takes"), "{}", failed.reason);
    assert!(failed.reason.contains("function \"broken\""), "{}", failed.reason);
    gateway.runs(1);
}

#[test]
fn a_node_that_cannot_even_start_takes_its_revision_back() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), empty(), true);
    gateway.order(sound("a"), Probation::OFF).unwrap();
    let setup = json!([
        {"id": "t", "type": "tab", "label": "one"},
        {"id": "f", "type": "function", "lang": "rhai", "z": "t", "name": "broken", "outputs": 1, "initialize": "throw \"no\"", "func": "msg", "wires": [[]]}
    ]);
    gateway.order(setup, Probation::of_seconds(1_000)).unwrap();
    let failed = gateway.wait_for(Standing::Failed, 2);
    assert!(failed.reason.contains("function \"broken\" (t/f) has stopped"), "{}", failed.reason);
    gateway.runs(1);
}

#[test]
fn who_does_not_come_back_to_confirm_gets_the_old_one_back() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), empty(), true);
    let needs_word = Probation { needs_word: true, ..SHORT };
    gateway.order(sound("a"), Probation::OFF).unwrap();
    gateway.order(sound("b"), needs_word).unwrap();
    let failed = gateway.wait_for(Standing::Failed, 2);
    assert!(failed.reason.contains("did not come back"), "{}", failed.reason);
    gateway.runs(1);
    gateway.order(sound("c"), needs_word).unwrap();
    assert!(!gateway.deployer.confirm(2));
    assert!(gateway.deployer.confirm(3));
    gateway.wait_for(Standing::Good, 3);
    gateway.runs(3);
}

#[test]
fn what_is_wrong_or_late_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), empty(), true);
    let first = gateway.order(sound("a"), Probation::OFF).unwrap();
    let wrong = json!([{"id": "t", "type": "tab"}, {"id": "j", "type": "junction", "z": "t", "wires": [["nowhere"]]}]);
    let Err(Refusal::Problems(problems)) = gateway.order(wrong, SHORT) else { panic!("it was taken") };
    assert!(problems[0].message.contains("nowhere"), "{problems:?}");
    // Two people deploy at once: the second is told what would change now.
    let second = gateway.order(sound("b"), Probation::OFF).unwrap();
    let late = gateway.deployer.deploy(Order {
        document: document(sound("c")),
        deployment: Deployment::Nodes,
        seen: Some(first.revision.rev),
        who: "bob".to_string(),
        via: "test",
        why: String::new(),
        name: String::new(),
        probation: SHORT,
    });
    let Err(Refusal::Conflict(conflict)) = late else { panic!("it was taken") };
    assert_eq!(conflict.revision.rev, second.revision.rev);
    assert_eq!(conflict.diff.nodes.len(), 1);
    assert_eq!(gateway.deployer.current().revision.number, 2);
    let Err(Refusal::Unknown(9)) =
        gateway.deployer.roll_back(9, "ada".to_string(), "test", String::new(), SHORT)
    else {
        panic!("there is no revision 9")
    };
    let back = gateway.deployer.roll_back(1, "ada".to_string(), "test", String::new(), SHORT).unwrap();
    assert_eq!((back.revision.number, back.revision.why.as_str()), (3, "back to revision 1"));
    assert_eq!(gateway.deployer.current().document.nodes[1].name, "a");
}

#[test]
fn secrets_stay_when_a_document_comes_without_them() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(dir.path(), empty(), true);
    gateway.order(away(), Probation::OFF).unwrap();
    let text = std::fs::read_to_string(dir.path().join("flows.json")).unwrap();
    assert!(!text.contains("hunter2"));
    let mut without = away();
    without[1].as_object_mut().unwrap().shift_remove("credentials");
    without[1]["name"] = json!("renamed");
    let receipt = gateway.order(without, Probation::OFF).unwrap();
    assert_eq!(receipt.diff.nodes.len(), 1);
    let current = gateway.deployer.current();
    assert_eq!(current.credentials.names("out"), ["password"]);
    let (_, secrets) = gateway.deployer.config().document(2).unwrap().unwrap();
    assert_eq!(secrets, current.credentials);
}

#[test]
fn what_went_down_on_probation_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let long = Probation::of_seconds(1_000);
    let gateway = start(dir.path(), empty(), true);
    gateway.order(sound("a"), Probation::OFF).unwrap();
    gateway.order(sound("b"), long).unwrap();
    drop(gateway);
    // An orderly stop: it begins anew.
    let gateway = start(dir.path(), empty(), true);
    assert_eq!(gateway.deployer.current().revision.number, 2);
    assert_eq!(gateway.deployer.current().revision.standing, Standing::Probation);
    drop(gateway);
    // A crash: the one before.
    let gateway = start(dir.path(), empty(), false);
    assert_eq!(gateway.deployer.current().revision.number, 1);
    let failed = gateway.deployer.config().revision(2).unwrap().unwrap();
    assert!(failed.reason.contains("went down"), "{}", failed.reason);
}

#[test]
fn the_flow_file_goes_before_what_is_stored_when_somebody_has_changed_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| Source::File(document(sound(name)));
    let gateway = start(dir.path(), file("a"), true);
    assert_eq!(gateway.deployer.current().revision.number, 1);
    gateway.order(sound("b"), Probation::of_seconds(1_000)).unwrap();
    drop(gateway);
    // The file says what it said: the one on probation goes on.
    let gateway = start(dir.path(), file("a"), true);
    assert_eq!(gateway.deployer.current().revision.number, 2);
    drop(gateway);
    let gateway = start(dir.path(), file("edited"), true);
    let current = gateway.deployer.current();
    assert_eq!((current.revision.number, current.revision.via.as_str()), (3, "file"));
    assert_eq!(gateway.deployer.config().revision(2).unwrap().unwrap().standing, Standing::Left);
    drop(gateway);
    let gateway = start(dir.path(), file("edited"), true);
    assert_eq!(gateway.deployer.current().revision.number, 3);
}

#[test]
fn an_edit_of_the_flow_file_is_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flows.json");
    let write = |name: &str| std::fs::write(&path, document(sound(name)).to_json()).unwrap();
    let says = |name: &str| std::fs::read_to_string(&path).unwrap().contains(&format!("\"name\":\"{name}\""));
    write("a");
    let gateway = start(dir.path(), Source::File(document(sound("a"))), true);
    gateway.order(sound("b"), Probation::OFF).unwrap();
    assert!(says("b"));
    // Somebody edits it while the next deploy is under way.
    write("edited");
    gateway.order(sound("c"), Probation::OFF).unwrap();
    assert!(says("edited"));
    assert_eq!(gateway.deployer.current().document.nodes[1].name, "c");
    // Taken in, it is known again.
    let from_file = Order {
        document: Document::read(&path, &Limits::default()).unwrap(),
        deployment: Deployment::Nodes,
        seen: None,
        who: "file".to_string(),
        via: FILE,
        why: String::new(),
        name: String::new(),
        probation: Probation::OFF,
    };
    write("edited again");
    gateway.deployer.deploy(from_file).unwrap();
    assert!(says("edited again"));
    write("edited");
    gateway.order(sound("d"), Probation::OFF).unwrap();
    assert!(says("d"));
    std::fs::remove_file(&path).unwrap();
    gateway.order(sound("e"), Probation::OFF).unwrap();
    assert!(says("e"));
}
