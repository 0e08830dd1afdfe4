//! What a client of the live socket is told at each tick.

use super::super::gateway::blocking;
use super::super::v1::troubles;
use super::comms::status_json;
use super::encode;
use super::feed::{Inbox, What};
use super::messages::{Told, WireTap};
use super::own::{Client, TICK, put};
use super::socket::{Ended, Socket};
use crate::access::Permission;

impl Client {
    pub async fn tell(&mut self, turn: u64, socket: &mut Socket) -> Result<(), Ended> {
        self.tell_events(self.listening.feed.drain(), socket).await?;
        // Who is here for the dashboard only is not told who watches the flows.
        if self.guard.may(Permission::Read) && self.people.has_changed().is_ok_and(|changed| changed) {
            let people = self.people.borrow_and_update().to_vec();
            put(socket, &Told::Presence { people }).await?;
        }
        if let Some(widgets) = &mut self.widgets {
            widgets.tell(self.gateway.deployer.engine().screens(), socket).await?;
        }
        if turn.is_multiple_of(self.watch.every(TICK)) {
            self.tell_counts(socket).await?;
        }
        if turn.is_multiple_of(4) && self.watch.problems {
            let problems = troubles(&self.gateway, self.guard.sees_payloads());
            if self.problems.as_ref() != Some(&problems) {
                self.problems = Some(problems.clone());
                put(socket, &Told::Problems { nodes: problems }).await?;
            }
        }
        if turn.is_multiple_of(4) && self.watch.backlogs {
            let (live, engine) = (self.gateway.live.clone(), self.gateway.deployer.engine().clone());
            let backlogs = blocking(move || live.backlogs(&engine)).await.map_err(|_| Ended::Stopping)?;
            if self.backlogs.as_ref() != Some(&backlogs) {
                self.backlogs = Some(backlogs.clone());
                put(socket, &Told::Backlogs { outboxes: backlogs.to_vec() }).await?;
            }
        }
        // All of a tick is written at once.
        socket.flush().await
    }

    /// Counters and queues.
    async fn tell_counts(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        let (live, engine) = (&self.gateway.live, self.gateway.deployer.engine());
        if let Some(meter) = &mut self.meter {
            let (number, timings) = match self.watch.timings {
                true => live.timings(engine),
                false => Default::default(),
            };
            // Each sample is told once.
            let is_new = std::mem::replace(&mut self.timings, number) != number;
            let timings = if is_new { timings } else { Default::default() };
            let look = meter.look(engine.counters(), &timings, &self.of, &self.places);
            if let Some(legend) = look.legend {
                put(socket, &legend).await?;
            }
            put(socket, &look.metrics).await?;
        }
        if let Some(gauge) = &mut self.gauge
            && let Some(queues) = live.queues(engine)
        {
            let (of, places) = (&self.of, &self.places);
            let told = gauge.look(&queues, |node| of.has(places.flow(node), node));
            if let Some(told) = told {
                put(socket, &told).await?;
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
            put(socket, &Told::Status { nodes: nodes.collect() }).await?;
        }
        let sees = self.guard.sees_payloads();
        for (id, trouble) in inbox.troubles {
            let (kind, count, name) = (trouble.kind, trouble.count, trouble.node.to_string());
            let text = sees.then_some(trouble.text);
            put(socket, &Told::Trouble { node: id, name, kind, count, text }).await?;
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
                    Told::Tap { node: shown.node.id.clone(), came_in: *came_in, wire: None, shown: told }
                }
                What::OnWire { port, to, .. } => {
                    let node = shown.node.id.clone();
                    let wire = WireTap { from: node.to_string(), port: *port, to: to.to_string() };
                    Told::Tap { node, came_in: false, wire: Some(wire), shown: told }
                }
                What::Debug(_) | What::Line(..) => Told::Debug { shown: told },
            };
            put(socket, &told).await?;
        }
        match inbox.skipped.is_empty() {
            true => Ok(()),
            false => put(socket, &Told::Skipped { nodes: inbox.skipped.into_iter().collect() }).await,
        }
    }
}
