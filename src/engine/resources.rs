//! Shared connections, hosted once for all their users: opened for the first, opened again with back-off when lost, and
//! closed after the last. Users wait for them, and hear when they are lost.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use tidegate_nodes::connector::{DynResource, ResourceHost};
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Level, Logs};
use tidegate_nodes::web::Http;
use tokio::sync::watch;

use super::Shared;
use super::backoff::Backoff;
use super::logs::DeviceLogs;
use super::observer::{Event, NodeRef};

/// How a shared connection stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nobody uses it.
    Closed,
    /// It is switched off.
    Off,
    Opening,
    /// With a number that no other opening of it has.
    Up(u64),
    /// It is lost, or could not be opened, and is tried again.
    Down(String),
    /// It cannot go on as it is configured.
    Stopped(String),
}

/// A resource of the plan, and who uses it.
pub struct Lent {
    node: NodeRef,
    resource: Arc<dyn DynResource>,
    /// It is open while it is in the plan, whether or not a node uses it.
    pub alone: bool,
    standing: watch::Sender<Standing>,
    users: watch::Sender<usize>,
    /// Whether its task runs. Locked by who comes first and who ends it, so that none is missed in between.
    hosted: Mutex<bool>,
}

const OPEN_TIMEOUT: Duration = Duration::from_secs(60);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(4);

impl Lent {
    pub fn new(node: NodeRef, resource: Arc<dyn DynResource>, alone: bool) -> Arc<Lent> {
        Arc::new(Lent {
            node,
            resource,
            alone,
            standing: watch::Sender::new(Standing::Closed),
            users: watch::Sender::new(0),
            hosted: Mutex::new(false),
        })
    }

    pub fn resource(&self) -> Arc<dyn DynResource> {
        self.resource.clone()
    }

    pub fn id(&self) -> &str {
        &self.node.id
    }

    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// One more user. The first one has it opened; it is closed when the last one is dropped.
    pub fn enter(self: &Arc<Lent>, shared: &Arc<Shared>) -> User {
        let mut hosted = self.lock();
        self.users.send_modify(|users| *users += 1);
        if !std::mem::replace(&mut *hosted, true) {
            tokio::spawn(host(self.clone(), shared.clone()));
        }
        User(self.clone())
    }

    fn set(&self, standing: Standing) {
        self.standing.send_if_modified(|now| {
            let changed = *now != standing;
            *now = standing;
            changed
        });
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.hosted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A user of a resource.
pub struct User(Arc<Lent>);

impl User {
    /// Goes, and where it was the last waits until the connection is closed, as long as that may take.
    pub async fn leave(self) {
        let mut standing = self.0.standing();
        let users = self.0.users.clone();
        drop(self);
        if *users.borrow() == 0 {
            // Out of time means that it is closed later, or not politely.
            let closed = standing.wait_for(|standing| *standing == Standing::Closed);
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.0.users.send_modify(|users| *users -= 1);
    }
}

/// Waits until one of these does not stand any more as it did.
pub async fn lost(stood: Vec<(watch::Receiver<Standing>, u64)>) {
    let mut all: Vec<Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::with_capacity(stood.len());
    for (mut standing, number) in stood {
        all.push(Box::pin(async move {
            // The sender lives in the resource, which its user holds.
            let _ = standing.wait_for(|standing| *standing != Standing::Up(number)).await;
        }));
    }
    poll_fn(|cx| {
        let any = all.iter_mut().any(|one| one.as_mut().poll(cx).is_ready());
        if any { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

struct Place {
    node: NodeRef,
    shared: Weak<Shared>,
}

impl ResourceHost for Place {
    fn log(&self, level: Level, text: &str) {
        self.tell(Event::Log(level, text.to_string()));
    }

    fn lost(&self, count: u64, reason: &'static str) {
        self.tell(Event::Lost { count, reason });
    }

    fn resource(&self, id: &str) -> Option<Arc<dyn DynResource>> {
        self.shared.upgrade()?.lent(id).map(|lent| lent.resource())
    }

    fn http(&self) -> Option<Arc<dyn Http>> {
        self.shared.upgrade()?.options.http.clone()
    }

    fn random(&self) -> u64 {
        self.shared.upgrade().map_or(0, |shared| shared.random())
    }

    fn wall_ms(&self) -> i64 {
        self.shared.upgrade().map_or(0, |shared| shared.clock.wall_ms())
    }

    fn logs(&self) -> Option<Arc<dyn Logs>> {
        let store = self.shared.upgrade()?.options.store.clone()?;
        Some(Arc::new(DeviceLogs::new(store)))
    }
}

impl Place {
    fn tell(&self, event: Event) {
        if let Some(shared) = self.shared.upgrade() {
            shared.tell(&self.node, event);
        }
    }
}

/// Hosts a resource while it has users.
async fn host(lent: Arc<Lent>, shared: Arc<Shared>) {
    // The resource may keep it: it must not keep the engine alive.
    let place = Arc::new(Place { node: lent.node.clone(), shared: Arc::downgrade(&shared) });
    let mut backoff = Backoff::default();
    let mut users = lent.users.subscribe();
    loop {
        let mut connection = tokio::spawn(connection(lent.clone(), place.clone()));
        let ended = tokio::select! {
            ended = &mut connection => Some(ended),
            () = unused(&mut users) => None,
        };
        if ended.is_none() {
            connection.abort();
            // It ends at its next wait; only then is the resource free to be closed.
            let _ = connection.await;
        }
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, lent.resource.close()).await;
        let wait = match ended {
            None => Duration::ZERO,
            Some(Err(panic)) => {
                place.log(Level::Error, &format!("panicked: {panic}; it starts again"));
                lent.set(Standing::Down("panicked".to_string()));
                backoff.next(shared.random()).max(Duration::from_secs(1))
            }
            Some(Ok(Ended { stood, why })) => {
                backoff.stood(stood);
                match why {
                    Ok(()) => Duration::ZERO,
                    Err(error @ (NodeError::Fatal(_) | NodeError::Config { .. })) => {
                        place.log(Level::Error, &format!("stopped: {error}"));
                        lent.set(Standing::Stopped(error.to_string()));
                        unused(&mut users).await;
                        Duration::ZERO
                    }
                    Err(error) => {
                        let wait = backoff.next(shared.random());
                        let text = format!("{error}; next try in {:.1} s", wait.as_secs_f64());
                        place.log(Level::Warn, &text);
                        lent.set(Standing::Down(error.to_string()));
                        wait
                    }
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait), if !wait.is_zero() => {}
            () = unused(&mut users) => {}
            () = std::future::ready(()), if wait.is_zero() => {}
        }
        let mut hosted = lent.lock();
        if *lent.users.borrow() == 0 {
            *hosted = false;
            lent.set(Standing::Closed);
            return;
        }
    }
}

async fn unused(users: &mut watch::Receiver<usize>) {
    // The sender lives in `Lent`, which the caller holds.
    let _ = users.wait_for(|users| *users == 0).await;
}

struct Ended {
    stood: Duration,
    why: Result<(), NodeError>,
}

/// One connection, from the wish for it to its end.
async fn connection(lent: Arc<Lent>, place: Arc<Place>) -> Ended {
    let never = |why| Ended { stood: Duration::ZERO, why };
    tokio::select! {
        biased;
        () = lent.resource.wanted() => {}
        () = std::future::ready(()) => {
            lent.set(Standing::Off);
            lent.resource.wanted().await;
        }
    }
    lent.set(Standing::Opening);
    match tokio::time::timeout(OPEN_TIMEOUT, lent.resource.open(place.clone())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return never(Err(error)),
        Err(_) => {
            let text = format!("no connection within {} s", OPEN_TIMEOUT.as_secs());
            return never(Err(NodeError::disconnected(text)));
        }
    }
    let since = Instant::now();
    static OPENED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    lent.set(Standing::Up(OPENED.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
    let why = lent.resource.run().await;
    Ended { stood: since.elapsed(), why }
}
