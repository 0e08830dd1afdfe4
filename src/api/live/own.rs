//! `/api/v1/live`: the live socket of the editor. A client says what it watches, and is told that, at rates that it can take
//! whatever happens in the flows.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use tidegate_nodes::value::Str;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use super::super::access::{Dashboard as MayLook, secret};
use super::super::fault::Fault;
use super::super::gateway::Gateway;
use super::super::probation::ProbationShown;
use super::super::v1::NodeTrouble;
use super::comms::status_json;
use super::dashboard::Widgets;
use super::feed::{Feed, Rate};
use super::guard::{self, Guard};
use super::hub::Listening;
use super::messages::{Deploy, Said, Told, VERSION, Watch, WireTap};
use super::metrics::{Meter, Places};
use super::presence::{People, Present};
use super::queues::Gauge;
use super::socket::{Ended, Socket, upgrade};
use super::wants::Selection;
use crate::access::Permission;
use crate::config::Standing;
use crate::engine::{Backlog, Tap, Watching};

/// Badges and messages leave so often; counters every second time, and outboxes every fourth.
pub(super) const TICK: Duration = Duration::from_millis(250);
const HEARTBEAT: Duration = Duration::from_secs(15);
const RATE: Rate = Rate { each: 20, all: 100 };

/// The live socket: what happens, as it happens. It becomes a WebSocket, whose messages are `LiveSaid` and `LiveTold`
#[utoipa::path(get, path = "/api/v1/live", tag = "live", responses((status = 101, description = "It is a WebSocket now")))]
pub async fn live(_: MayLook, State(gateway): State<Gateway>, parts: Parts) -> Result<Response<Body>, Fault> {
    let secret = secret(&parts)?.unwrap_or_default();
    let place = gateway.live.place().ok_or_else(|| {
        let text = "too many clients listen already";
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text).retry_after(10)
    })?;
    upgrade(&parts, move |mut socket| async move {
        let mut stopping = gateway.live.stopping();
        let ended = match Guard::of(gateway.access.clone(), secret, Permission::Dashboard).await {
            Some(guard) => tokio::select! {
                ended = Client::new(&gateway, guard).run(&mut socket) => ended.err().unwrap_or(Ended::Gone),
                _ = stopping.wait_for(|stopping| *stopping) => Ended::Stopping,
            },
            None => Ended::NotAllowed,
        };
        drop(place);
        (socket, ended)
    })
}

/// One client, and what it knows. What it is told at each tick is in `telling`.
pub(super) struct Client {
    pub gateway: Gateway,
    pub listening: Listening,
    pub guard: Guard,
    present: Present,
    pub people: watch::Receiver<People>,
    pub watch: Watch,
    /// The part of the flows that it watches.
    pub of: Selection,
    pub places: Places,
    pub meter: Option<Meter>,
    pub gauge: Option<Gauge>,
    /// The number of the timings that it was told last.
    pub timings: u64,
    /// It has things counted that cost something.
    watching: Vec<Watching>,
    taps: Vec<Tap>,
    /// Nodes whose badge it has been told.
    pub badges: HashSet<Str>,
    pub backlogs: Option<Arc<Vec<Backlog>>>,
    pub problems: Option<Vec<NodeTrouble>>,
    pub widgets: Option<Widgets>,
    deploy: Deploy,
}

impl Client {
    fn new(gateway: &Gateway, guard: Guard) -> Client {
        let present = gateway.live.presence.enter(guard.name(), gateway.store.wall_ms());
        let mut people = gateway.live.presence.changes();
        people.mark_changed();
        Client {
            gateway: gateway.clone(),
            listening: gateway.live.listen(Feed::new(RATE)),
            guard,
            present,
            people,
            watch: Watch::default(),
            of: Selection::default(),
            places: Places::default(),
            meter: None,
            gauge: None,
            timings: 0,
            watching: Vec::new(),
            taps: Vec::new(),
            badges: HashSet::new(),
            backlogs: None,
            problems: None,
            widgets: None,
            deploy: deploy(gateway),
        }
    }

    async fn run(mut self, socket: &mut Socket) -> Result<(), Ended> {
        let mut news = self.gateway.deployer.news();
        self.deploy = self.deploy_now();
        let hello = Told::Hello {
            version: VERSION,
            gateway: env!("CARGO_PKG_VERSION"),
            name: self.guard.name().to_string(),
            sees_payloads: self.guard.sees_payloads(),
            deploy: self.deploy.clone(),
            you: self.present.id.clone(),
            now_ms: self.gateway.store.wall_ms(),
            boot: self.gateway.store.boot(),
        };
        say(socket, &hello).await?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again = interval_at(Instant::now() + guard::AGAIN, guard::AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for turn in 0_u64.. {
            // What ticks is counted, whatever else happens in between.
            loop {
                tokio::select! {
                    text = socket.next() => self.heard(&text?, socket).await?,
                    changed = news.changed() => {
                        changed.map_err(|_| Ended::Stopping)?;
                        self.deployed(socket).await?;
                    }
                    _ = again.tick() => match self.guard.still().await {
                        true => drop(self.want()),
                        false => return Err(Ended::NotAllowed),
                    },
                    _ = beat.tick() => socket.beat().await?,
                    _ = tick.tick() => break,
                }
            }
            self.tell(turn, socket).await?;
        }
        Ok(())
    }

    async fn heard(&mut self, text: &str, socket: &mut Socket) -> Result<(), Ended> {
        let said = serde_json::from_str(text)
            .map_err(|error| Fault::bad("bad_message", format!("this cannot be understood: {error}")));
        let checked = said.and_then(|said| match said {
            Said::Watch(watch) => watch.check().map(|()| Some(watch)),
            Said::Ping => Ok(None),
        });
        let watch = match checked {
            Ok(Some(watch)) => watch,
            Ok(None) => return say(socket, &Told::Pong).await,
            Err(fault) => return say(socket, &Told::Wrong { error: fault.told() }).await,
        };
        let (watch, beyond) = watch.within(self.guard.may(Permission::Read));
        self.watch = watch;
        // Everything is told anew, since what is watched is another part.
        (self.backlogs, self.problems) = (None, None);
        self.present.look_at(self.watch.at.as_deref());
        let (unknown, unknown_wires) = self.want();
        let current = self.gateway.deployer.current();
        self.places = Places::of(&current.document);
        let counters = self.gateway.deployer.engine().counters();
        self.of = self.watch.wants(false).of;
        // One that measures already goes on, so that choosing another node tells the client nothing twice.
        self.meter = match self.meter.take().filter(|_| self.watch.metrics) {
            Some(mut meter) => {
                meter.moved();
                Some(meter)
            }
            None => self.watch.metrics.then(|| Meter::new(counters, &self.of, &self.places)),
        };
        self.gauge = self.watch.queues.then(Gauge::new);
        let timed = self.watch.timings.then(|| counters.watch_timings());
        let waited = self.watch.queues.then(|| counters.watch_waits());
        self.watching = timed.into_iter().chain(waited).collect();
        let showing = if self.guard.sees_payloads() { Vec::new() } else { self.watch.showing() };
        let not_allowed = beyond.into_iter().chain(showing).collect();
        say(socket, &Told::Watching { not_allowed, unknown, unknown_wires }).await?;
        self.widgets = self.watch.dashboard.then(Widgets::default);
        self.badges.clear();
        if self.watch.statuses {
            let statuses = self.gateway.deployer.vitals().statuses();
            let (of, places) = (&self.of, &self.places);
            let of = statuses.into_iter().filter(|(node, _)| of.has(places.flow(node), node));
            let nodes: BTreeMap<Str, _> = of.map(|(node, status)| (node, status_json(&status))).collect();
            self.badges.extend(nodes.keys().cloned());
            say(socket, &Told::Status { nodes }).await?;
        }
        Ok(())
    }

    /// Listens to what is wished, as far as it is allowed; gives the nodes and wires that are not there to be tapped.
    fn want(&mut self) -> (Vec<String>, Vec<WireTap>) {
        let wants = self.watch.wants(self.guard.sees_payloads());
        let counters = self.gateway.deployer.engine().counters();
        let mut unknown = Vec::new();
        let mut taps = Vec::new();
        for node in &wants.taps {
            match counters.tap(node) {
                Some(tap) => taps.push(tap),
                None => unknown.push(node.to_string()),
            }
        }
        let mut unknown_wires = Vec::new();
        for (from, port, to) in &wants.wires {
            match counters.tap_wire(from, *port, to) {
                Some(tap) => taps.push(tap),
                None => {
                    unknown_wires.push(WireTap { from: from.to_string(), port: *port, to: to.to_string() });
                }
            }
        }
        // The new ones first: a node that is tapped on is tapped all the time.
        self.taps = taps;
        self.listening.want(wants);
        (unknown, unknown_wires)
    }

    /// What runs now; who is here for the dashboard only need not know why.
    fn deploy_now(&self) -> Deploy {
        let mut now = deploy(&self.gateway);
        if !self.guard.may(Permission::Read) {
            now.reason.clear();
            now.name.clear();
        }
        now
    }

    async fn deployed(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        // Nodes that have begun anew are tapped anew.
        self.want();
        let current = self.gateway.deployer.current();
        self.places = Places::of(&current.document);
        if let Some(meter) = &mut self.meter {
            meter.deployed();
        }
        // Other nodes have queues now.
        self.gauge = self.watch.queues.then(Gauge::new);
        let now = self.deploy_now();
        if now != self.deploy {
            self.deploy = now.clone();
            say(socket, &Told::Deploy(now)).await?;
        }
        let statuses = self.gateway.deployer.vitals().statuses();
        let gone: Vec<Str> =
            self.badges.iter().filter(|node| !statuses.contains_key(*node)).cloned().collect();
        self.badges.retain(|node| !gone.contains(node));
        match gone.is_empty() {
            true => Ok(()),
            false => {
                let nodes = gone.into_iter().map(|node| (node, serde_json::json!({}))).collect();
                say(socket, &Told::Status { nodes }).await
            }
        }
    }
}

fn deploy(gateway: &Gateway) -> Deploy {
    let news = gateway.deployer.news().borrow().clone();
    Deploy {
        number: news.number,
        rev: news.rev,
        standing: news.standing.unwrap_or(Standing::Good),
        reason: news.reason,
        name: news.name,
        probation: news.probation.map(|probation| ProbationShown::of(&probation, gateway.store.wall_ms())),
    }
}

pub(super) async fn say(socket: &mut Socket, told: &Told) -> Result<(), Ended> {
    put(socket, told).await?;
    socket.flush().await
}

/// The same, and it goes with what is said next.
pub(super) async fn put(socket: &mut Socket, told: &Told) -> Result<(), Ended> {
    let text = serde_json::to_string(told).map_err(|error| {
        tracing::error!("a message of the live socket cannot be written: {error}");
        Ended::Wrong
    })?;
    socket.put(text).await
}
