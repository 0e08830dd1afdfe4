//! `/comms`: what Node-RED's editor and tools listen to. `{auth}` first, then `{subscribe}`; what is told comes in lists of
//! `{topic, data}`.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tidegate_nodes::host::Status;
use tidegate_nodes::value::Str;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use super::super::access::secret;
use super::super::fault::Fault;
use super::super::gateway::Gateway;
use super::feed::{Feed, Inbox, Rate};
use super::guard::{self, Guard};
use super::hub::Listening;
use super::socket::{Ended, Socket, upgrade};
use super::wants::Wants;
use super::{encode, topic};
use crate::access::Permission;
use crate::deploy::Current;

const HEARTBEAT: Duration = Duration::from_secs(15);
/// What happens within so long goes out together, as in Node-RED.
const TOGETHER: Duration = Duration::from_millis(50);
/// How long a client may take to say who it is.
const WHO: Duration = Duration::from_secs(10);
const MOST_TOPICS: usize = 64;
/// A list of so many bytes is sent, and another one begun.
const LIST: usize = 256 * 1024;
const RATE: Rate = Rate { each: 1_000, all: 1_000 };

#[derive(Deserialize)]
struct Said {
    auth: Option<String>,
    subscribe: Option<String>,
}

pub async fn comms(State(gateway): State<Gateway>, parts: Parts) -> Result<Response<Body>, Fault> {
    let too_many = || {
        let text = "too many clients listen already";
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text).retry_after(10)
    };
    let stranger = gateway.live.place_of_stranger().ok_or_else(too_many)?;
    let secret = secret(&parts)?;
    upgrade(&parts, move |mut socket| async move {
        let mut stopping = gateway.live.stopping();
        let ended = tokio::select! {
            ended = talk(&mut socket, &gateway, secret, stranger) => ended,
            _ = stopping.wait_for(|stopping| *stopping) => Ended::Stopping,
        };
        (socket, ended)
    })
}

async fn talk(
    socket: &mut Socket,
    gateway: &Gateway,
    secret: Option<String>,
    stranger: OwnedSemaphorePermit,
) -> Ended {
    let known = match secret {
        Some(secret) => Guard::of(gateway.access.clone(), secret, Permission::Read).await,
        None => None,
    };
    let guard = match known {
        Some(guard) => Ok(guard),
        None => timeout(WHO, introduced(socket, gateway)).await.unwrap_or(Err(Ended::NotAllowed)),
    };
    let guard = match guard {
        Ok(guard) => guard,
        Err(Ended::NotAllowed) => return refused(socket).await,
        Err(ended) => return ended,
    };
    let Some(_place) = gateway.live.place() else { return Ended::Busy };
    drop(stranger);
    let client = Client {
        gateway: gateway.clone(),
        listening: gateway.live.listen(Feed::new(RATE)),
        guard,
        topics: BTreeSet::new(),
        told: HashSet::new(),
        list: Vec::new(),
        bytes: 0,
    };
    match client.serve(socket).await {
        Ended::NotAllowed => refused(socket).await,
        ended => ended,
    }
}

async fn introduced(socket: &mut Socket, gateway: &Gateway) -> Result<Guard, Ended> {
    let text = socket.next().await?;
    let said: Said = serde_json::from_str(&text).map_err(|_| Ended::Wrong)?;
    let guard =
        Guard::of(gateway.access.clone(), said.auth.ok_or(Ended::NotAllowed)?, Permission::Read).await;
    let guard = guard.ok_or(Ended::NotAllowed)?;
    socket.send(json!({ "auth": "ok" }).to_string()).await?;
    Ok(guard)
}

async fn refused(socket: &mut Socket) -> Ended {
    match socket.send(json!({ "auth": "fail" }).to_string()).await {
        Ok(()) => Ended::NotAllowed,
        Err(ended) => ended,
    }
}

struct Client {
    gateway: Gateway,
    listening: Listening,
    guard: Guard,
    topics: BTreeSet<String>,
    /// Nodes whose status it has been told, so that it is told too when they go.
    told: HashSet<Str>,
    list: Vec<String>,
    bytes: usize,
}

impl Client {
    async fn serve(mut self, socket: &mut Socket) -> Ended {
        match self.run(socket).await {
            Ok(()) => Ended::Gone,
            Err(ended) => ended,
        }
    }

    async fn run(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        let mut news = self.gateway.deployer.news();
        let mut rev = news.borrow().rev.clone();
        let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again = interval_at(Instant::now() + guard::AGAIN, guard::AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let feed = self.listening.feed.clone();
        loop {
            tokio::select! {
                text = socket.next() => self.heard(&text?, socket).await?,
                () = feed.arrived() => {
                    sleep(TOGETHER).await;
                    self.tell(feed.drain(), socket).await?;
                }
                // The sender lives as long as the gateway.
                changed = news.changed() => {
                    changed.map_err(|_| Ended::Stopping)?;
                    // What else is told of a revision, Node-RED's tools do not know.
                    let now = news.borrow_and_update().rev.clone();
                    if now != rev {
                        rev = now;
                        self.deployed();
                    }
                }
                _ = again.tick() => match self.guard.still().await {
                    true => self.want(),
                    false => return Err(Ended::NotAllowed),
                },
                _ = beat.tick() => {
                    socket.beat().await?;
                    self.add("hb", &json!(crate::access::Moment::now().wall_ms));
                }
            }
            self.send(socket).await?;
        }
    }

    async fn heard(&mut self, text: &str, socket: &mut Socket) -> Result<(), Ended> {
        let said: Said = serde_json::from_str(text).map_err(|_| Ended::Wrong)?;
        // A page whose cookie has let it in says it all the same, and waits for the answer.
        if let Some(secret) = said.auth {
            let guard = Guard::of(self.gateway.access.clone(), secret, Permission::Read).await;
            self.guard = guard.ok_or(Ended::NotAllowed)?;
            self.want();
            socket.send(json!({ "auth": "ok" }).to_string()).await?;
        }
        let Some(pattern) = said.subscribe else { return Ok(()) };
        if !topic::is_valid(&pattern) || self.topics.len() >= MOST_TOPICS {
            return Err(Ended::Wrong);
        }
        self.topics.insert(pattern.clone());
        self.want();
        // What lasts is told at once.
        for (node, status) in self.gateway.deployer.vitals().statuses() {
            let topic = format!("status/{node}");
            if topic::matches(&pattern, &topic) {
                self.status(node, &status);
            }
        }
        for (topic, data) in lasting(&self.gateway.deployer.current()) {
            if topic::matches(&pattern, topic) {
                self.add(topic, &data);
            }
        }
        Ok(())
    }

    fn want(&self) {
        let any = |first| self.topics.iter().any(|pattern| topic::may_begin(pattern, first));
        self.listening.want(Wants {
            statuses: any("status"),
            debug: any("debug") && self.guard.sees_payloads(),
            ..Wants::default()
        });
    }

    fn wants(&self, topic: &str) -> bool {
        self.topics.iter().any(|pattern| topic::matches(pattern, topic))
    }

    fn deployed(&mut self) {
        let current = self.gateway.deployer.current();
        for (topic, data) in lasting(&current) {
            if self.wants(topic) {
                self.add(topic, &data);
            }
        }
        let statuses = self.gateway.deployer.vitals().statuses();
        let gone: Vec<Str> = self.told.iter().filter(|node| !statuses.contains_key(*node)).cloned().collect();
        for node in gone {
            self.told.remove(&node);
            self.add(&format!("status/{node}"), &json!({}));
        }
    }

    async fn tell(&mut self, inbox: Inbox, socket: &mut Socket) -> Result<(), Ended> {
        for (node, status) in inbox.statuses {
            if self.wants(&format!("status/{node}")) {
                self.status(node, &status);
            }
        }
        let current = self.gateway.deployer.current();
        let most = self.gateway.deployer.settings().debug_max_length;
        // A topic of the first level may be all that a pattern matches.
        let wants_debug = self.wants("debug") && self.guard.sees_payloads();
        for shown in inbox.shown.iter().filter(|_| wants_debug) {
            self.add("debug", &encode::debug(shown, &current, most));
            if self.bytes > LIST {
                self.send(socket).await?;
            }
        }
        let skipped: u64 = inbox.skipped.values().sum();
        if wants_debug && skipped > 0 {
            let text =
                format!("{skipped} debug messages were left out: they come faster than they are taken");
            self.add("notification/debug-skipped", &json!({ "type": "warning", "text": text }));
        }
        Ok(())
    }

    fn status(&mut self, node: Str, status: &Status) {
        self.add(&format!("status/{node}"), &status_json(status));
        self.told.insert(node);
    }

    fn add(&mut self, topic: &str, data: &Json) {
        let text = json!({ "topic": topic, "data": data }).to_string();
        self.bytes += text.len();
        self.list.push(text);
    }

    async fn send(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        if self.list.is_empty() {
            return Ok(());
        }
        let text = format!("[{}]", self.list.join(","));
        self.list.clear();
        self.bytes = 0;
        socket.send(text).await
    }
}

/// What a client is told when it asks, and not only when it changes.
fn lasting(current: &Current) -> [(&'static str, Json); 2] {
    [
        ("notification/runtime-state", json!({ "state": "start" })),
        ("notification/runtime-deploy", json!({ "revision": current.revision.rev })),
    ]
}

pub fn status_json(status: &Status) -> Json {
    let object = tidegate_nodes::value::Value::Object(status.to_object());
    serde_json::from_str(&object.to_json()).unwrap_or_else(|_| json!({}))
}
