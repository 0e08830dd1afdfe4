//! UDP sockets by port: nodes of one port share its socket, so that answers come from where questions went.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::interface;
use super::stream::{CONNECT_TIMEOUT, hint};
use crate::error::NodeError;

/// Datagrams that wait for one node. More are dropped, as they are by the network.
const WAITING: usize = 1024;
const WAITING_BYTES: usize = 4 * 1024 * 1024;
const LARGEST: usize = 65_535;
/// How far datagrams to a group go.
const HOPS: u32 = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn parse(text: &str) -> Result<Family, NodeError> {
        match text {
            "" | "udp4" => Ok(Family::V4),
            "udp6" => Ok(Family::V6),
            other => Err(NodeError::config("/ipv", format!("unknown choice \"{other}\": use udp4 or udp6"))),
        }
    }

    fn any(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    pub fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Family::V4)
    }
}

/// A group to join, and on which interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub address: IpAddr,
    /// A name or an address; empty for what the system chooses.
    pub interface: String,
}

impl Group {
    pub fn parse(pointer: &str, group: &str, interface: &str, family: Family) -> Result<Group, NodeError> {
        let address: Option<IpAddr> = group.trim().parse().ok();
        match address {
            Some(address) if address.is_multicast() && family.has(address) => {
                Ok(Group { address, interface: interface.trim().to_string() })
            }
            _ => {
                let example = if family == Family::V4 { "224.0.0.0 to 239.255.255.255" } else { "ff02::1" };
                Err(NodeError::config(
                    pointer,
                    format!("\"{group}\" is no address of a group: use {example}"),
                ))
            }
        }
    }
}

/// What a node sees of a socket.
pub struct Socket {
    shared: Arc<Shared>,
    inbox: Option<Arc<Inbox>>,
}

struct Shared {
    socket: UdpSocket,
    inboxes: Mutex<Vec<Weak<Inbox>>>,
}

#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
    dropped: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Datagram {
    pub bytes: Arc<[u8]>,
    pub from: SocketAddr,
}

type Open = HashMap<(Family, u16), Weak<Shared>>;

fn open_sockets() -> MutexGuard<'static, Open> {
    static OPEN: LazyLock<Mutex<Open>> = LazyLock::new(Mutex::default);
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Socket {
    /// The socket of this port, or a new one. Port 0 is always a new one.
    pub async fn open(family: Family, port: u16, hears: bool) -> Result<Socket, NodeError> {
        let known = open_sockets().get(&(family, port)).and_then(Weak::upgrade);
        let shared = match known {
            Some(shared) => shared,
            None => {
                let bound = UdpSocket::bind((family.any(), port)).await;
                let socket = bound.map_err(|error| {
                    NodeError::disconnected(format!("cannot use UDP port {port}: {error}{}", hint(&error)))
                })?;
                let shared = Arc::new(Shared { socket, inboxes: Mutex::default() });
                let port = shared.socket.local_addr().map_or(port, |address| address.port());
                let mut open = open_sockets();
                open.retain(|_, socket| socket.strong_count() > 0);
                open.insert((family, port), Arc::downgrade(&shared));
                shared
            }
        };
        let inbox = hears.then(Arc::<Inbox>::default);
        if let Some(inbox) = &inbox {
            let mut inboxes = shared.inboxes();
            inboxes.retain(|inbox| inbox.strong_count() > 0);
            inboxes.push(Arc::downgrade(inbox));
        }
        Ok(Socket { shared, inbox })
    }

    pub fn port(&self) -> u16 {
        self.shared.socket.local_addr().map_or(0, |address| address.port())
    }

    /// As Node-RED sets it for broadcast and groups: what is sent does not come back.
    pub fn reach_many(&self) -> io::Result<()> {
        let socket = &self.shared.socket;
        match socket.local_addr()?.ip() {
            IpAddr::V4(_) => {
                socket.set_broadcast(true)?;
                socket.set_multicast_loop_v4(false)?;
                socket.set_multicast_ttl_v4(HOPS)
            }
            IpAddr::V6(_) => socket.set_multicast_loop_v6(false),
        }
    }

    /// Joins a group. What it says is a warning: the interface is not there, and the system chose one.
    pub fn join(&self, group: &Group) -> Result<Option<String>, NodeError> {
        let name = group.interface.as_str();
        let (joined, is_found) = match group.address {
            IpAddr::V4(address) => {
                let found = name.parse().ok().or_else(|| interface::ipv4(name));
                let chosen = found.unwrap_or(Ipv4Addr::UNSPECIFIED);
                (self.shared.socket.join_multicast_v4(address, chosen), found.is_some())
            }
            IpAddr::V6(address) => {
                let found = interface::index(name);
                (self.shared.socket.join_multicast_v6(&address, found.unwrap_or(0)), found.is_some())
            }
        };
        match joined {
            Ok(()) => {}
            // Another node of this port has joined it.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => {
                let text = format!("cannot join the group {}: {error}", group.address);
                return Err(NodeError::disconnected(text));
            }
        }
        Ok((!is_found && !name.is_empty())
            .then(|| format!("interface {name} not found: the system chooses one")))
    }

    pub async fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        self.shared.socket.send_to(bytes, to).await.map(|_| ())
    }

    /// What has come, and how many were dropped before. Can be dropped at any time.
    pub async fn receive(&self) -> io::Result<(Vec<Datagram>, u64)> {
        let Some(inbox) = &self.inbox else { return std::future::pending().await };
        let mut buffer = vec![0; LARGEST];
        loop {
            {
                let mut waiting = inbox.lock();
                if !waiting.datagrams.is_empty() {
                    waiting.bytes = 0;
                    let dropped = std::mem::take(&mut waiting.dropped);
                    return Ok((waiting.datagrams.drain(..).collect(), dropped));
                }
            }
            tokio::select! {
                received = self.shared.socket.recv_from(&mut buffer) => {
                    let (length, from) = received?;
                    self.shared.hand_out(Datagram { bytes: Arc::from(&buffer[..length]), from });
                    self.shared.drain(&mut buffer);
                }
                () = inbox.arrived.notified() => {}
            }
        }
    }
}

impl Shared {
    /// Whoever reads hands out to all who share the port.
    fn hand_out(&self, datagram: Datagram) {
        for inbox in self.inboxes().iter().filter_map(Weak::upgrade) {
            inbox.push(datagram.clone());
        }
    }

    /// Takes what has come meanwhile, up to what fits.
    fn drain(&self, buffer: &mut [u8]) {
        for _ in 1..WAITING {
            let Ok((length, from)) = self.socket.try_recv_from(buffer) else { return };
            self.hand_out(Datagram { bytes: Arc::from(&buffer[..length]), from });
        }
    }

    fn inboxes(&self) -> MutexGuard<'_, Vec<Weak<Inbox>>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    fn push(&self, datagram: Datagram) {
        let mut waiting = self.lock();
        if waiting.datagrams.len() >= WAITING || waiting.bytes + datagram.bytes.len() > WAITING_BYTES {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes += datagram.bytes.len();
        waiting.datagrams.push_back(datagram);
        drop(waiting);
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Addresses of names, looked up again after a while: they may move, and one that is unknown may come to be known.
#[derive(Default)]
pub struct Names {
    last: Option<(String, Result<IpAddr, String>, Instant)>,
}

const KNOWN_FOR: Duration = Duration::from_secs(30);
const UNKNOWN_FOR: Duration = Duration::from_secs(2);

impl Names {
    pub async fn resolve(&mut self, host: &str, family: Family) -> Result<IpAddr, String> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            let version = if family == Family::V4 { "IPv4" } else { "IPv6" };
            return if family.has(ip) { Ok(ip) } else { Err(format!("{host} is no address of {version}")) };
        }
        if let Some((known, address, until)) = &self.last
            && known == host
            && *until > Instant::now()
        {
            return address.clone();
        }
        let found = look_up(host, family).await;
        let valid = if found.is_ok() { KNOWN_FOR } else { UNKNOWN_FOR };
        self.last = Some((host.to_string(), found.clone(), Instant::now() + valid));
        found
    }
}

async fn look_up(host: &str, family: Family) -> Result<IpAddr, String> {
    let unknown = |why: &dyn std::fmt::Display| format!("unknown host {host}: {why}");
    let found = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((host, 0))).await;
    let found = found.map_err(|_| unknown(&"no answer"))?;
    let mut found = found.map_err(|error| unknown(&error))?;
    let found = found.find(|address| family.has(address.ip()));
    found.map(|address| address.ip()).ok_or_else(|| unknown(&"it has no address of this version of IP"))
}
