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
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use super::super::access::{Dashboard as MayLook, secret};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::super::v1::{NodeTrouble, troubles};
use super::comms::status_json;
use super::dashboard::Widgets;
use super::encode;
use super::feed::{Feed, Inbox, Rate, What};
use super::guard::{self, Guard};
use super::hub::Listening;
use super::messages::{Deploy, Said, Told, VERSION, Watch};
use super::metrics::Meter;
use super::socket::{Ended, Socket, upgrade};
use crate::access::Permission;
use crate::config::Standing;
use crate::engine::{Backlog, Tap};

/// Badges and messages leave so often; counters every second time, and outboxes every fourth.
const TICK: Duration = Duration::from_millis(250);
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

struct Client {
    gateway: Gateway,
    listening: Listening,
    guard: Guard,
    watch: Watch,
    meter: Option<Meter>,
    taps: Vec<Tap>,
    /// Nodes whose badge it has been told.
    badges: HashSet<Str>,
    backlogs: Option<Arc<Vec<Backlog>>>,
    problems: Option<Vec<NodeTrouble>>,
    widgets: Option<Widgets>,
    deploy: Deploy,
}

impl Client {
    fn new(gateway: &Gateway, guard: Guard) -> Client {
        Client {
            gateway: gateway.clone(),
            listening: gateway.live.listen(Feed::new(RATE)),
            guard,
            watch: Watch::default(),
            meter: None,
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
        let unknown = self.want();
        let current = self.gateway.deployer.current();
        self.meter = self
            .watch
            .metrics
            .then(|| Meter::new(self.gateway.deployer.engine().counters(), &current.document));
        let refused = self.watch.needs_payloads() && !self.guard.sees_payloads();
        let not_allowed = if refused { vec!["debug", "taps"] } else { beyond };
        say(socket, &Told::Watching { not_allowed, unknown }).await?;
        self.widgets = self.watch.dashboard.then(Widgets::default);
        self.badges.clear();
        let wants = self.watch.wants(false);
        if wants.statuses {
            let statuses = self.gateway.deployer.vitals().statuses();
            let place = |node: &Str| current.document.nodes.iter().find(|known| known.id == node.as_str());
            let flow = |node: &Str| place(node).and_then(|node| node.z.clone()).unwrap_or_default();
            let of = statuses.into_iter().filter(|(node, _)| wants.of.has(&flow(node), node));
            let nodes: BTreeMap<Str, _> = of.map(|(node, status)| (node, status_json(&status))).collect();
            self.badges.extend(nodes.keys().cloned());
            say(socket, &Told::Status { nodes }).await?;
        }
        Ok(())
    }

    /// Listens to what is wished, as far as it is allowed; gives the nodes that are not there to be tapped.
    fn want(&mut self) -> Vec<String> {
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
        // The new ones first: a node that is tapped on is tapped all the time.
        self.taps = taps;
        self.listening.feed.want(wants);
        unknown
    }

    /// What runs now; who is here for the dashboard only need not know why.
    fn deploy_now(&self) -> Deploy {
        let mut now = deploy(&self.gateway);
        if !self.guard.may(Permission::Read) {
            now.reason.clear();
        }
        now
    }

    async fn deployed(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        // Nodes that have begun anew are tapped anew.
        self.want();
        let current = self.gateway.deployer.current();
        if let Some(meter) = &mut self.meter {
            meter.deployed(&current.document);
        }
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

    async fn tell(&mut self, turn: u64, socket: &mut Socket) -> Result<(), Ended> {
        self.tell_events(self.listening.feed.drain(), socket).await?;
        if let Some(widgets) = &mut self.widgets {
            widgets.tell(self.gateway.deployer.engine().screens(), socket).await?;
        }
        if turn.is_multiple_of(2)
            && let Some(meter) = &mut self.meter
        {
            let of = self.watch.wants(false).of;
            let told = meter.look(self.gateway.deployer.engine().counters(), &of);
            say(socket, &told).await?;
        }
        if turn.is_multiple_of(4) && self.watch.problems {
            let problems = troubles(&self.gateway, self.guard.sees_payloads());
            if self.problems.as_ref() != Some(&problems) {
                self.problems = Some(problems.clone());
                say(socket, &Told::Problems { nodes: problems }).await?;
            }
        }
        if turn.is_multiple_of(4) && self.watch.backlogs {
            let (live, engine) = (self.gateway.live.clone(), self.gateway.deployer.engine().clone());
            let backlogs = blocking(move || live.backlogs(&engine)).await.map_err(|_| Ended::Stopping)?;
            if self.backlogs.as_ref() != Some(&backlogs) {
                self.backlogs = Some(backlogs.clone());
                say(socket, &Told::Backlogs { outboxes: backlogs.to_vec() }).await?;
            }
        }
        Ok(())
    }

    async fn tell_events(&mut self, inbox: Inbox, socket: &mut Socket) -> Result<(), Ended> {
        if inbox.is_empty() {
            return Ok(());
        }
        if !inbox.statuses.is_empty() {
            self.badges.extend(inbox.statuses.keys().cloned());
            let nodes = inbox.statuses.iter().map(|(node, status)| (node.clone(), status_json(status)));
            say(socket, &Told::Status { nodes: nodes.collect() }).await?;
        }
        let sees = self.guard.sees_payloads();
        for (id, trouble) in inbox.troubles {
            let (kind, count, name) = (trouble.kind, trouble.count, trouble.node.to_string());
            let text = sees.then_some(trouble.text);
            say(socket, &Told::Trouble { node: id, name, kind, count, text }).await?;
        }
        if !sees {
            return Ok(());
        }
        let current = self.gateway.deployer.current();
        let most = self.gateway.deployer.settings().debug_max_length;
        for shown in &inbox.shown {
            let told = encode::debug(shown, &current, most);
            let told = match &shown.what {
                What::Message { came_in, .. } => {
                    Told::Tap { node: shown.node.id.clone(), came_in: *came_in, shown: told }
                }
                What::Debug(_) | What::Line(..) => Told::Debug { shown: told },
            };
            say(socket, &told).await?;
        }
        match inbox.skipped.is_empty() {
            true => Ok(()),
            false => say(socket, &Told::Skipped { nodes: inbox.skipped.into_iter().collect() }).await,
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
    }
}

pub(super) async fn say(socket: &mut Socket, told: &Told) -> Result<(), Ended> {
    let text = serde_json::to_string(told).map_err(|error| {
        tracing::error!("a message of the live socket cannot be written: {error}");
        Ended::Wrong
    })?;
    socket.send(text).await
}
