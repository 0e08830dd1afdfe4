//! The server as it stands in a flow: its listeners, and the loop around the router.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::connection::{self, Entrance, Input};
use super::router::{Job, Router};
use super::settings::Settings;
use super::storage::{Event, Storage};
use crate::connector::{Resource, ResourceHost};
use crate::error::NodeError;
use crate::host::Level;
use crate::tls::TlsSettings;

pub struct MqttServer {
    /// Under which its logs stand.
    pub name: String,
    pub settings: Settings,
    /// It may listen beyond this board without users.
    pub insecure: bool,
    running: Mutex<Option<Running>>,
}

struct Running {
    router: Router,
    storage: Option<Storage>,
    inputs: mpsc::Receiver<Input>,
    /// The listeners, each with its connections.
    tasks: JoinSet<()>,
    stop: tokio::sync::watch::Sender<bool>,
    host: Arc<dyn ResourceHost>,
    since: Instant,
}

const BACKLOG: u32 = 128;
/// Batches of packets on their way to the router; with what connections have in hand all that waits for it.
const INPUTS: usize = 32;
/// So many are done before the store has its turn.
const AT_ONCE: usize = 64;
const TICK: Duration = Duration::from_secs(1);
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// How long goodbyes may take when it stops.
const GOODBYE: Duration = Duration::from_secs(1);

impl MqttServer {
    pub fn new(name: String, settings: Settings, insecure: bool) -> MqttServer {
        MqttServer { name, settings, insecure, running: Mutex::new(None) }
    }

    async fn addresses(&self, port: u16) -> Result<Vec<SocketAddr>, NodeError> {
        let host = self.settings.host.as_str();
        let found = tokio::net::lookup_host((host, port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| NodeError::disconnected(format!("the address {host} is not known: {error}")))?
            .collect();
        let open = found.iter().find(|address| !address.ip().is_loopback());
        if let Some(address) = open.filter(|_| self.settings.access.users.is_empty() && !self.insecure) {
            return Err(NodeError::config(
                "/host",
                format!(
                    "it would let anybody in at {address}: configure users, listen on 127.0.0.1, or start the gateway with --insecure-listen"
                ),
            ));
        }
        Ok(found)
    }

    fn acceptor(&self, host: &dyn ResourceHost) -> Result<Option<TlsAcceptor>, NodeError> {
        let id = self.settings.tls.as_str();
        if id.is_empty() {
            return Ok(None);
        }
        let lent = host.resource(id).ok_or_else(|| {
            NodeError::config("/tls", format!("the TLS settings {id} are not there, or they are wrong"))
        })?;
        let tls = lent.as_any().downcast_ref::<TlsSettings>();
        let tls = tls.ok_or_else(|| NodeError::config("/tls", "it is no tls-config"))?;
        let config = tls.server_for(self.settings.client_certificates)?;
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

impl Resource for MqttServer {
    async fn open(&self, host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        let tls = self.acceptor(&*host)?;
        let limits = Arc::new(self.settings.limits.clone());
        // All ports, or none: what was bound is closed again with an error.
        let mut listeners = Vec::new();
        let ports = [(self.settings.port, false), (self.settings.websocket_port, true)];
        for (port, websocket) in ports.into_iter().filter_map(|(port, websocket)| Some((port?, websocket))) {
            for address in self.addresses(port).await? {
                listeners.push((listen(address)?, websocket));
            }
        }
        let run = format!("{:016x}", host.random());
        let mut router = Router::new(self.settings.limits.clone(), self.settings.access.clone(), &run);
        let mut storage = host.logs().map(|logs| Storage::new(&self.name, logs));
        match &mut storage {
            Some(storage) => storage.restore(&mut router).await?,
            None => host.log(
                Level::Warn,
                "there is no data directory: retained messages and what waits for clients is in memory, and gone when it stops",
            ),
        }
        let (sender, inputs) = mpsc::channel(INPUTS);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let places = Arc::new(Semaphore::new(limits.connections));
        let numbers = Arc::new(std::sync::atomic::AtomicU64::new(1));
        let mut tasks = JoinSet::new();
        for (listener, websocket) in listeners {
            let secured = if tls.is_some() { " with TLS" } else { "" };
            let over = if websocket { " over WebSocket" } else { "" };
            if let Ok(address) = listener.local_addr() {
                host.log(Level::Info, &format!("listens on {address}{over}{secured}"));
            }
            let entrance =
                Entrance { tls: tls.clone(), websocket, limits: limits.clone(), inputs: sender.clone() };
            let door = Door { places: places.clone(), numbers: numbers.clone(), host: host.clone() };
            tasks.spawn(accept(listener, entrance, door, stopped.clone()));
        }
        let running = Running { router, storage, inputs, tasks, stop, host, since: Instant::now() };
        *self.running.lock().await = Some(running);
        Ok(())
    }

    async fn run(&self) -> Result<(), NodeError> {
        match &mut *self.running.lock().await {
            Some(running) => running.run().await,
            None => Err(NodeError::disconnected("it was not opened")),
        }
    }

    async fn close(&self) {
        if let Some(running) = self.running.lock().await.take() {
            running.close().await;
        }
    }
}

impl Running {
    async fn run(&mut self) -> Result<(), NodeError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                input = self.inputs.recv() => match input {
                    Some(input) => self.take(input),
                    None => return Err(NodeError::disconnected("its listeners have ended")),
                },
                event = stored(&mut self.storage) => self.hear(event),
                _ = tick.tick() => {
                    self.set_now();
                    self.router.tick();
                }
                // One that panicked: the others go on, and it is opened again with all of them.
                Some(ended) = self.tasks.join_next() => {
                    let why = ended.err().map(|error| error.to_string()).unwrap_or_default();
                    return Err(NodeError::disconnected(format!("a listener has ended {why}")));
                }
            }
            for _ in 0..AT_ONCE {
                match self.inputs.try_recv() {
                    Ok(input) => self.take(input),
                    Err(_) => break,
                }
            }
            while let Some(event) = self.storage.as_mut().and_then(Storage::try_next) {
                self.hear(event);
            }
            self.do_jobs();
        }
    }

    fn set_now(&mut self) {
        self.router.set_now(self.since.elapsed().as_millis() as u64);
    }

    fn take(&mut self, input: Input) {
        self.set_now();
        match input {
            Input::Connect { link, connect, outgoing } => {
                self.router.connect(link, *connect, outgoing, self.host.random());
            }
            Input::Packets { link, packets } => {
                packets.into_iter().for_each(|packet| self.router.packet(link, packet));
            }
            Input::Room { link } => self.router.room(link),
            Input::Wrong { link, reason, why } => self.router.end_link(link, reason, why),
            Input::Gone { link } => self.router.gone(link),
        }
    }

    fn hear(&mut self, event: Event) {
        self.set_now();
        match event {
            Event::Appended((ticket, result)) => self.router.appended(ticket, result),
            Event::Fetched((session, log, from, records)) => {
                self.router.fetched(session, &log, from, records)
            }
        }
    }

    fn do_jobs(&mut self) {
        let wall_ms = self.host.wall_ms();
        for job in self.router.take_jobs() {
            let left = match &mut self.storage {
                Some(storage) => storage.take(job, wall_ms),
                None => Some(job),
            };
            match left {
                Some(Job::Warn(text)) => self.host.log(Level::Warn, &text),
                Some(Job::Lost { count, reason }) => self.host.lost(count, reason),
                // Of a store that is not there: the router asks for none then.
                Some(Job::Append { .. } | Job::Fetch { .. } | Job::Done { .. } | Job::Remove { .. })
                | None => {}
            }
        }
    }

    async fn close(mut self) {
        self.set_now();
        self.router.shut_down();
        self.do_jobs();
        // What connections still say is taken and forgotten, so that they come to their end.
        self.inputs.close();
        let _ = self.stop.send(true);
        let goodbye = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

async fn stored(storage: &mut Option<Storage>) -> Event {
    match storage {
        Some(storage) => storage.next().await,
        None => std::future::pending().await,
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    let bound = (|| {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.set_keepalive(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    })();
    bound.map_err(|error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; another node or program has it: use another port",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: use one above",
            io::ErrorKind::AddrNotAvailable => "; it is no address of this board",
            _ => "",
        };
        NodeError::disconnected(format!("cannot listen on {address}: {error}{hint}"))
    })
}

/// What listeners share.
#[derive(Clone)]
struct Door {
    places: Arc<Semaphore>,
    numbers: Arc<std::sync::atomic::AtomicU64>,
    host: Arc<dyn ResourceHost>,
}

/// Takes connections; each shakes hands in a task of its own, so that none waits for another.
async fn accept(
    listener: TcpListener,
    entrance: Entrance,
    door: Door,
    mut stop: tokio::sync::watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let (mut failed, mut refused, mut unable) = (None, None, None);
    loop {
        let accepted = tokio::select! {
            // The sender gone is as good as a stop.
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = connections.join_next() => {
                if let Ok(Err((from, why))) = ended {
                    tell(&door, &mut failed, format!("a connection from {from} came to nothing: {why}"));
                }
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => match door.places.clone().try_acquire_owned() {
                Ok(place) => {
                    let number = door.numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let entrance = entrance.clone();
                    connections.spawn(async move {
                        let served = connection::serve(stream, number, entrance).await;
                        drop(place);
                        served.map_err(|why| (from, why))
                    });
                }
                Err(_) => {
                    let most = entrance.limits.connections;
                    tell(
                        &door,
                        &mut refused,
                        format!("a connection from {from} was refused: {most} are open already"),
                    );
                }
            },
            Err(error) => {
                // Mostly too many open files: trying again at once would only burn time.
                tell(&door, &mut unable, format!("cannot accept a connection: {error}"));
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => break,
                    () = tokio::time::sleep(AFTER_ERROR) => {}
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A stranger must not fill the log: of each kind one line in ten seconds.
fn tell(door: &Door, told: &mut Option<Instant>, text: String) {
    if told.is_none_or(|last| last.elapsed() >= Duration::from_secs(10)) {
        *told = Some(Instant::now());
        door.host.log(Level::Warn, &text);
    }
}
