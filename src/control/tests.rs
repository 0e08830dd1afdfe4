use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow::{Break, Continue};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;
use crate::store::{Options, Store};

struct Rig {
    store: Arc<Store>,
    control: Option<Control>,
    runtime: tokio::runtime::Runtime,
}

fn rig(path: &Path) -> Rig {
    let store = Arc::new(Store::open(path, Options::default()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let control = Some(Control::serve(store.clone(), Arc::new(Default::default), runtime.handle()).unwrap());
    Rig { store, control, runtime }
}

fn append(n: i64) -> Request {
    let message = |n| Message {
        value: json!({ "payload": n }),
        wall_ms: Some(n),
        event_ms: None,
        source: "s".to_string(),
        key: None,
    };
    Request::Append { log: "history".to_string(), messages: (0..n).map(message).collect() }
}

#[test]
fn requests_reach_the_gateway_and_the_socket_goes_with_it() {
    // Longer than an address has room for.
    let dir = tempfile::tempdir().unwrap();
    for name in ["short", &"long".repeat(40)] {
        let path = dir.path().join(name);
        std::fs::create_dir(&path).unwrap();
        // What a killed gateway leaves.
        drop(std::os::unix::net::UnixListener::bind(address(&path).unwrap().0).unwrap());
        assert_eq!(ask(&path, &Request::Status, &mut |_| Continue(())), Ok(None), "nobody listens");

        let mut rig = rig(&path);
        let socket = path.join(SOCKET);
        assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        let result = ask(&path, &append(3), &mut |_| Continue(())).unwrap().unwrap();
        assert_eq!(result, json!({"messages": 3, "first": 1, "last": 3}));
        let status = ask(&path, &Request::Status, &mut |_| Continue(())).unwrap().unwrap();
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!((&status["health"]["waiting"], &status["logs"][0]["messages"]), (&json!(0), &json!(3)));
        assert!(status["free_bytes"].as_u64().is_some_and(|free| free > 0), "{status}");
        let wrong = Request::Seek { log: "histroy".to_string(), reader: "a".to_string(), next: 1 };
        let error = ask(&path, &wrong, &mut |_| Continue(())).unwrap_err().to_string();
        assert!(error.contains("did you mean `history`?"), "{error}");

        rig.control = None;
        assert!(!socket.exists());
        assert_eq!(ask(&path, &Request::Status, &mut |_| Continue(())), Ok(None));
        drop(rig.runtime);
        rig.store.close();
    }
}

#[test]
fn without_a_gateway_the_command_does_it_itself_and_a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    perform(dir.path(), &append(2), &mut |_| Continue(())).unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    assert_eq!(store.find_log("history").unwrap().next(), 3);
    let refused = perform(dir.path(), &append(2), &mut |_| Continue(())).unwrap_err();
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
}

#[test]
fn nonsense_is_answered_and_the_next_request_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(dir.path());
    let stream = UnixStream::connect(dir.path().join(SOCKET)).unwrap();
    let mut lines = BufReader::new(&stream).lines();
    let mut answer = |request: &str| -> Json {
        (&stream).write_all(format!("{request}\n").as_bytes()).unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    };
    for (request, says) in [
        ("{", "not understood"),
        (r#"{"do":"fly"}"#, "unknown variant `fly`"),
        (r#"{"do":"retry","of":"a","colour":1}"#, "colour"),
        (r#"{"do":"append","log":"a","messages":[{"value":1}]}"#, "its value is no object"),
    ] {
        let error = answer(request);
        assert!(error["error"].as_str().unwrap().contains(says), "{error}");
    }
    assert!(answer(r#"{"do":"status"}"#)["result"]["version"].is_string());
    drop(rig.control);
    // A connection that idles does not outlive the gateway.
    assert!(lines.next().is_none());
}

#[test]
fn a_command_that_goes_away_stops_its_work_between_two_steps() {
    let dir = tempfile::tempdir().unwrap();
    let rig = rig(dir.path());
    let queue = crate::store::Retention { queue: true, ..Default::default() };
    let log = rig.store.log("outbox/a/event", &queue);
    let records = (0..20_000).map(|_| crate::store::Record::default());
    crate::store::admin::append(&rig.store, &log, records).unwrap();
    let purge = Request::Purge { queue: "outbox/a/event".to_string(), first: None, last: None };
    let stopped = ask(dir.path(), &purge, &mut |_| Break(()));
    assert!(stopped.unwrap_err().to_string().contains("stopped"));
    // The next one finds the rest, and both together are all.
    let mut seen = 0;
    let rest = ask(dir.path(), &purge, &mut |done| {
        seen = done;
        Continue(())
    });
    assert!(rest.unwrap().unwrap()["messages"].as_u64().unwrap() <= 19_000);
    drop(rig.control);
    drop(rig.runtime);
    let balance = rig.store.view(|view| view.balances()).unwrap().remove(0);
    assert_eq!((balance.stored, balance.ledgered, balance.holds), (0, 20_000, true));
}
