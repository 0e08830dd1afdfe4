//! Bundles that a gateway fetches from a web server.

use std::time::Duration;

use tidegate::remote::pull::{self, Options, Pulling};
use tidegate::remote::report::State;

use crate::brokers::wait_until;
use crate::gateway::{Gateway, runtime};
use crate::web::Server;
use crate::{labelled, signed, trusted_by};

fn pull(gateway: &Gateway, port: u16) -> Pulling {
    let options = Options {
        url: format!("http://127.0.0.1:{port}/site.bundle?token=hunter2"),
        every: Duration::from_millis(100),
        authority: None,
    };
    pull::start(gateway.intake.clone(), options).unwrap()
}

#[test]
fn a_new_bundle_is_fetched_and_the_same_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let runtime = runtime();
    let gateway = Gateway::alone(folder.path(), "site-7", runtime.handle());
    let server = Server::start(0, &signed(1, labelled("one"), &key), "\"v1\"");
    let pulling = pull(&gateway, server.port);
    let is = |number: i64, label: &str| gateway.runs() == (number, label.to_string());
    let state = || gateway.intake.reports().borrow().state;
    wait_until("the first is good", || is(1, "one") && state() == State::Good);
    let revision = gateway.intake.deployer().config().revision(1).unwrap().unwrap();
    assert_eq!(revision.via, "pull");
    let same = server.same();
    wait_until("it has asked again", || server.same() > same + 3);
    let whole = server.whole();
    server.show(&signed(2, labelled("two"), &key), "\"v2\"");
    wait_until("the second is good", || is(2, "two") && state() == State::Good);
    // Once to fetch it, and once or more to see that the server can be reached.
    assert!(server.whole() > whole);
    // Signed by nobody whom we know: told, and not fetched again and again.
    let mut wrong = signed(3, labelled("wrong"), &key);
    wrong[100] ^= 1;
    server.show(&wrong, "\"v3\"");
    wait_until("it is refused", || state() == State::Refused);
    assert!(gateway.intake.reports().borrow().reason.contains("the signature is wrong"));
    let (whole, same) = (server.whole(), server.same());
    wait_until("it has asked again", || server.same() > same + 3);
    assert_eq!(server.whole(), whole);
    assert!(is(2, "two"));
    drop(pulling);
    // The ETag is kept over a restart, but not that of what was refused.
    server.show(&signed(4, labelled("four"), &key), "\"v4\"");
    let pulling = pull(&gateway, server.port);
    wait_until("the fourth is good", || is(3, "four") && state() == State::Good);
    let same = server.same();
    wait_until("it is noted", || server.same() > same);
    drop(pulling);
    drop(gateway);
    let (whole, same) = (server.whole(), server.same());
    let gateway = Gateway::alone(folder.path(), "site-7", runtime.handle());
    let _pulling = pull(&gateway, server.port);
    wait_until("it has asked", || server.same() > same);
    assert_eq!(server.whole(), whole);
    assert_eq!(server.counts.lock().unwrap().asked_with.as_deref(), Some("\"v4\""));
}

#[test]
fn a_server_that_is_away_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let key = trusted_by(&[folder.path()]);
    let runtime = runtime();
    let gateway = Gateway::alone(folder.path(), "site-7", runtime.handle());
    // Who asks is hung up on, so that it is known when it has been asked in vain.
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = away.local_addr().unwrap().port();
    let _pulling = pull(&gateway, port);
    drop(away.accept().unwrap());
    assert_eq!(gateway.runs().0, 0);
    drop(away);
    let server = Server::start(port, &signed(1, labelled("one"), &key), "\"v1\"");
    wait_until("it is good", || gateway.runs() == (1, "one".to_string()));
    wait_until("it asks", || server.same() > 0);
    // Gone in the middle of a probation: whoever deploys cannot be reached, so the old one runs again.
    let state = || gateway.intake.reports().borrow().state;
    server.show(&signed(2, labelled("two"), &key), "\"v2\"");
    wait_until("it is on probation", || gateway.runs().0 == 2);
    drop(server);
    wait_until("it is taken back", || gateway.runs() == (1, "one".to_string()) && state() == State::Failed);
    assert!(gateway.intake.reports().borrow().reason.contains("did not come back"));
}
