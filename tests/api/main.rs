//! The API of the built program, asked as `curl` would ask it.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used, dead_code)]

mod access;
mod accounts;
mod admin;
mod aids;
#[path = "../support/brokers/certificates.rs"]
mod certificates;
mod comms;
mod dashboard;
mod deploys;
mod editor;
#[path = "../http/gateway.rs"]
mod gateway;
mod https;
mod kept;
mod library;
mod live;
mod openapi;
mod revisions;
mod secrets;
mod siege;
mod socket;
#[path = "../support/mod.rs"]
mod support;
mod survival;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gateway::{Gateway, Reply};
use serde_json::{Value as Json, json};

const PASSWORD: &str = "correct horse battery";

/// A user, made on the command line.
fn user(data: &Path, name: &str, role: &str, more: &[&str]) {
    let mut arguments = vec!["passwd", name, "--role", role, "--stdin", "--data", data.to_str().unwrap()];
    arguments.extend(more);
    let mut child = support::command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A gateway with the users that tests log in as.
fn start(folder: &Path, nodes: Vec<Json>) -> Gateway {
    let data = folder.join("data");
    user(&data, "ada", "admin", &["--payloads"]);
    user(&data, "eve", "editor", &[]);
    user(&data, "vic", "viewer", &[]);
    user(&data, "dan", "dashboard", &[]);
    Gateway::with(folder, nodes, &["--data", data.to_str().unwrap()])
}

fn try_to_log_in(gateway: &Gateway, name: &str) -> Reply {
    let body = json!({"client_id": "test", "grant_type": "password", "scope": "*", "username": name, "password": PASSWORD});
    gateway.ask("POST", "/auth/token", "content-type: application/json\r\n", &body.to_string())
}

fn log_in(gateway: &Gateway, name: &str) -> String {
    let_in(&try_to_log_in(gateway, name))
}

/// For whoever had wrong tries of their own and has to wait.
fn log_in_when_let(gateway: &Gateway, name: &str) -> String {
    let end = Instant::now() + support::PATIENCE;
    loop {
        let reply = try_to_log_in(gateway, name);
        if reply.status != 429 || Instant::now() > end {
            return let_in(&reply);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn let_in(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.body);
    format!("authorization: Bearer {}\r\n", reply.json()["access_token"].as_str().unwrap())
}

fn ask(gateway: &Gateway, who: &str, method: &str, target: &str, more: &str, body: &Json) -> Reply {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    gateway.ask(method, target, &format!("content-type: application/json\r\n{who}{more}"), &body)
}

fn get(gateway: &Gateway, who: &str, target: &str) -> Reply {
    ask(gateway, who, "GET", target, "", &Json::Null)
}
