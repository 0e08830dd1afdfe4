//! Somebody means harm: guesses passwords, bends paths, and sends what nobody should.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{PASSWORD, ask, get, log_in, log_in_when_let, start};
use crate::gateway::Gateway;

fn count(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn memory_kib(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.running.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_thousand_wrong_passwords_are_slowed_told_together_and_keep_nobody_out() {
    const GUESSES: usize = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = start(folder.path(), vec![]);
    let (ada, eve) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"));
    let before = memory_kib(&gateway);
    let (next, looked_at, slowed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let slowest = std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= GUESSES {
                        break;
                    }
                    // Known names and others, by both doors.
                    let name = if n % 3 == 0 { format!("guest{n}") } else { "vic".to_string() };
                    let (target, body) = match n % 2 {
                        0 => ("/auth/token", json!({"grant_type": "password", "username": name, "password": format!("guess {n}")})),
                        _ => ("/api/v1/session", json!({"username": name, "password": format!("guess {n}")})),
                    };
                    let reply = ask(&gateway, "", "POST", target, "", &body);
                    match reply.status {
                        401 => looked_at.fetch_add(1, Ordering::Relaxed),
                        429 | 503 => slowed.fetch_add(1, Ordering::Relaxed),
                        other => panic!("a wrong password is answered with {other}: {}", reply.body),
                    };
                    assert!(!reply.body.contains("guess") && reply.header("set-cookie").is_none(), "{}", reply.body);
                }
            });
        }
        // Meanwhile who is in works on.
        let mut slowest = Duration::ZERO;
        while next.load(Ordering::Relaxed) < GUESSES {
            let begun = Instant::now();
            assert_eq!(get(&gateway, &eve, "/flows").status, 200);
            slowest = slowest.max(begun.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        slowest
    });
    let (looked_at, slowed) = (looked_at.into_inner(), slowed.into_inner());
    println!("{looked_at} looked at, {slowed} slowed; the slowest request of somebody else {slowest:?}");
    assert_eq!(looked_at + slowed, GUESSES);
    assert!(looked_at < GUESSES / 10, "{looked_at} of {GUESSES} were looked at");
    assert!(memory_kib(&gateway) < before + 64 * 1024, "two passwords are hashed at a time");
    // The right password has to wait too, from there; who has a token does not.
    let right = json!({"grant_type": "password", "username": "vic", "password": PASSWORD});
    assert_eq!(ask(&gateway, "", "POST", "/auth/token", "", &right).status, 429);
    let audit = get(&gateway, &ada, "/api/v1/audit").json();
    let entries = audit["entries"].as_array().or_else(|| audit.as_array()).unwrap();
    let refused = entries.iter().filter(|entry| entry["action"] == "refused log in").count();
    assert!((1..20).contains(&refused), "{refused} entries");
    let said = gateway.running.said();
    let lines = said.lines().filter(|line| line.contains("refused to log in")).count();
    assert!((1..20).contains(&lines), "{lines} lines");
    assert!(!said.contains("guess ") && !said.contains(PASSWORD), "no password is logged: {said}");
}

#[test]
fn bent_paths_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let ada = log_in(&gateway, "ada");
    std::fs::write(folder.path().join("data/outside.txt"), "outside").unwrap();
    let tricks = [
        "//flows",
        "/./flows",
        "/x/../flows",
        "/set-up/../flows",
        "/%66lows",
        "/flows/",
        "/flows;x",
        "/flows%00",
        "/flows%2f",
        "/set-up/%2e%2e/flows",
        "/health/live/../../flows",
        "/FLOWS",
        "/api/v1/../v1/flows",
        "/api/v1/%66lows",
        "/api//v1/flows",
        "/library/local/functions/../../outside.txt",
        "/library/local/functions/..%2f..%2foutside.txt",
        "/library/local/functions/%2e%2e/%2e%2e/outside.txt",
        "/library/local/functions//etc/passwd",
        "/library/local/functions/%00",
        "/set-up/../../data/tidegate.key",
        "/set-up/..%2f..%2fdata%2ftidegate.key",
        "/context/global/../../flows",
        "/credentials/mqtt-broker/..%2f..%2fx",
    ];
    for target in tricks {
        let reply = gateway.ask("GET", target, "", "");
        assert!(
            matches!(reply.status, 400 | 401 | 404 | 405),
            "{target} without a token: {} {}",
            reply.status,
            reply.body
        );
        let reply = get(&gateway, &ada, target);
        assert!(reply.status < 500, "{target}: {} {}", reply.status, reply.body);
        assert!(!reply.body.contains("outside") || reply.status >= 400, "{target}: {}", reply.body);
        assert!(!reply.body.contains("root:"), "{target}: {}", reply.body);
    }
}

#[test]
fn what_is_too_large_or_never_ends_is_refused_and_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let ada = log_in(&gateway, "ada");
    let before = memory_kib(&gateway);
    for target in ["/flows", "/api/v1/deploy", "/auth/token", "/api/v1/session", "/set-up"] {
        // It says that a terabyte comes, and sends nothing.
        let mut client = gateway.connect();
        client.say(&format!(
            "POST {target} HTTP/1.1\r\nhost: gateway\r\n{ada}content-length: 1099511627776\r\n\r\n"
        ));
        assert_eq!(client.reply(true).status, 413, "{target}");
        // It does not say how much comes, and does not end.
        let mut client = gateway.connect();
        client.say(&format!(
            "POST {target} HTTP/1.1\r\nhost: gateway\r\n{ada}transfer-encoding: chunked\r\n\r\n"
        ));
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let stream = client.0.get_ref().try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            let mut stream = stream;
            // It is cut when it is too much.
            (0..10_000).all(|_| std::io::Write::write_all(&mut stream, chunk.as_bytes()).is_ok())
        });
        let mut first = [0; 12];
        client.0.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 413", "{target}");
        drop(client);
        assert!(!sender.join().unwrap(), "{target} reads without an end");
    }
    for headers in [format!("x: {}\r\n", "y".repeat(100_000)), "x: y\r\n".repeat(1_000)] {
        let mut client = gateway.connect();
        client.say(&format!("GET /flows HTTP/1.1\r\nhost: gateway\r\n{headers}\r\n"));
        assert_eq!(client.reply(true).status, 431);
    }
    // Depth instead of length.
    for deep in ["[".repeat(1_000_000), format!("[{}", "{\"a\":".repeat(500_000)), "9".repeat(1_000_000)] {
        let reply = gateway.ask("POST", "/flows", &format!("content-type: application/json\r\n{ada}"), &deep);
        assert_eq!(reply.status, 400, "{}", reply.body);
        assert!(reply.body.len() < 2_000, "what is wrong is told in short: {}", reply.body.len());
    }
    let after = memory_kib(&gateway);
    assert!(after < before + 64 * 1024, "{before} KiB before, {after} KiB after");
    assert_eq!(get(&gateway, &ada, "/flows").status, 200);
}

/// What each route takes, to be spoilt.
fn bodies() -> Vec<(&'static str, &'static str, Json)> {
    let flow = json!([{"id": "t", "type": "tab", "label": "x"},
        {"id": "c", "type": "change", "z": "t", "rules": [{"t": "set", "p": "payload", "pt": "msg", "to": "1", "tot": "num"}], "wires": [["d"]]},
        {"id": "d", "type": "debug", "z": "t", "active": true, "wires": []},
        {"id": "f", "type": "function", "z": "t", "func": "return msg;", "outputs": 1, "wires": [["d"]]}]);
    vec![
        ("POST", "/flows", flow.clone()),
        ("POST", "/api/v1/validate", flow.clone()),
        ("POST", "/api/v1/deploy?probation=0", json!({"flows": flow, "rev": "1"})),
        (
            "POST",
            "/flow",
            json!({"label": "n", "nodes": [{"id": "n1", "type": "debug", "wires": []}], "configs": []}),
        ),
        (
            "PUT",
            "/flow/t",
            json!({"id": "t", "label": "x", "nodes": [{"id": "n2", "type": "debug", "wires": []}]}),
        ),
        ("POST", "/flows/state", json!({"state": "start"})),
        ("POST", "/auth/revoke", json!({"token": "tg_1", "why": "x"})),
        ("POST", "/inject/i", json!({"__user_inject_props__": [{"p": "payload", "v": "1", "vt": "num"}]})),
        ("POST", "/api/v1/session", json!({"username": "nobody", "password": "nothing that fits"})),
    ]
}

#[test]
fn spoilt_bodies_are_refused_and_break_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let mut ada = log_in(&gateway, "ada");
    let mut seed = count("SIEGE_SEED", u64::from(std::process::id()));
    println!("begins from {seed}");
    let before = memory_kib(&gateway);
    let bodies = bodies();
    for round in 0..count("SIEGE_BODIES", 1_500) {
        let (method, target, body) = &bodies[round as usize % bodies.len()];
        let mut bytes = body.to_string().into_bytes();
        for _ in 0..1 + next(&mut seed) % 4 {
            spoil(&mut bytes, &mut seed);
        }
        // What is not UTF-8 goes as it is in other tests; here the client speaks text.
        let body = String::from_utf8_lossy(&bytes);
        let reply = gateway.ask(method, target, &format!("content-type: application/json\r\n{ada}"), &body);
        assert!(
            reply.status < 500 || reply.status == 503,
            "round {round}: {method} {target} {body}: {} {}",
            reply.status,
            reply.body
        );
        // To name none ends the session that asks, which is as it should be.
        let is_named = serde_json::from_str::<Json>(&body)
            .is_ok_and(|body| body["token"].as_str().is_some_and(|text| !text.is_empty()));
        if target.ends_with("revoke") && get(&gateway, &ada, "/flows").status == 401 {
            assert!(!is_named && reply.status == 200, "round {round}: {body} ended another session");
            // Spoilt names and passwords were wrong tries from this very place.
            ada = log_in_when_let(&gateway, "ada");
        }
    }
    assert_eq!(get(&gateway, &ada, "/flows").status, 200);
    let after = memory_kib(&gateway);
    assert!(after < before + 64 * 1024, "{before} KiB before, {after} KiB after");
}

fn next(seed: &mut u64) -> u64 {
    tidegate_nodes::testing::splitmix(seed)
}

/// Cuts, doubles, swaps or overwrites a part of it.
fn spoil(bytes: &mut Vec<u8>, seed: &mut u64) {
    const PIECES: [&[u8]; 12] = [
        b"null",
        b"-1",
        b"1e999",
        b"\"\"",
        b"{}",
        b"[]",
        b"\\u0000",
        b"\xff",
        b"true",
        b"\"id\":",
        b"[[[[",
        b"__proto__",
    ];
    let at = (next(seed) as usize) % (bytes.len() + 1);
    let to = at + (next(seed) as usize) % (bytes.len() - at + 1).min(20);
    match next(seed) % 5 {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..to)),
        2 => {
            let part = bytes[at..to].to_vec();
            bytes.splice(at..at, part);
        }
        3 => drop(bytes.splice(at..to, PIECES[next(seed) as usize % PIECES.len()].iter().copied())),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = (next(seed) % 128) as u8;
            }
        }
    }
}
