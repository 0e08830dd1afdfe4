//! What the suite has to know of a connector, and what it asks of each.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use super::proxy::Side;

/// A connector, with the flow that it stands in and who is at the other end.
pub struct Subject {
    pub name: &'static str,
    pub way: Way,
    pub caller: Caller,
    pub promise: Promise,
    /// Why messages need not keep their order in a case.
    pub unordered: fn(Case) -> Option<&'static str>,
    /// Its nodes. The connector itself is `in` or `out`; what comes in goes to `p`, what failed to `q`.
    pub nodes: fn(&Place) -> Vec<Json>,
    /// The other end. Where it listens, it does so when it is made.
    pub peer: fn(&Place) -> Arc<dyn Peer>,
    /// Whether these last bytes are a goodbye, where the protocol has a word for that.
    pub says_goodbye: fn(&[u8]) -> bool,
    /// Cases that do not apply, and why. All others are played.
    pub leaves_out: &'static [(Case, &'static str)],
}

/// Where messages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The peer has them, and a node behind the connector gets them.
    In,
    /// The flow has them, and the peer gets them.
    Out,
    /// One peer has them and another gets them.
    Through,
}

/// Who connects to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Gateway,
    Peer,
    /// There are no connections.
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Nothing that was taken is lost. So many messages come again for each time that the connection broke.
    AtLeastOnce { window: usize },
    /// What is given while the peer is away is kept; what was on its way when the connection broke can be lost.
    KeptWhileAway,
    /// Each message is answered or goes to Catch.
    Told,
    /// What is given while the peer is away or was on its way can be lost.
    BestEffort,
}

/// A place of a test's own at the brokers and in the network.
#[derive(Debug, Clone)]
pub struct Place {
    /// Of queues, topics and clients.
    pub name: String,
    /// Where the one that connects finds the other.
    pub port: u16,
    /// The same without the proxy.
    pub direct: u16,
}

/// The other end, as far as numbers go in or out there.
pub trait Peer: Send + Sync {
    /// Where it listens.
    fn port(&self) -> u16 {
        0
    }

    /// Says these numbers, and comes back when they are said; with a protocol that acknowledges, when they are taken.
    fn put(&self, _numbers: Range<u64>) {
        unreachable!("nothing is put in here")
    }

    /// What has come here.
    fn came(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Says them where the proxy is not in the way, where there is such a way.
    fn put_directly(&self, numbers: Range<u64>) {
        self.put(numbers);
    }

    /// It takes its connection for dead, and makes a new one.
    fn renew(&self) {}

    /// What came to another like it, that is not behind the proxy.
    fn came_to_another(&self) -> Option<Came> {
        None
    }
}

/// What the suite plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    OpenAndClose,
    ManyDeploys,
    Order,
    PeerComesLate,
    Handshake,
    Reset,
    Silence,
    GoneBeforeClose,
    Flapping,
    SlowPeer,
    BackOff,
}

impl Case {
    pub const ALL: [Case; 11] = [
        Case::OpenAndClose,
        Case::ManyDeploys,
        Case::Order,
        Case::PeerComesLate,
        Case::Handshake,
        Case::Reset,
        Case::Silence,
        Case::GoneBeforeClose,
        Case::Flapping,
        Case::SlowPeer,
        Case::BackOff,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Case::OpenAndClose => "open_and_close",
            Case::ManyDeploys => "many_deploys",
            Case::Order => "order",
            Case::PeerComesLate => "peer_comes_late",
            Case::Handshake => "handshake",
            Case::Reset => "reset",
            Case::Silence => "silence",
            Case::GoneBeforeClose => "gone_before_close",
            Case::Flapping => "flapping",
            Case::SlowPeer => "slow_peer",
            Case::BackOff => "back_off",
        }
    }
}

impl Subject {
    /// The id of the connector in its flow.
    pub fn id(&self) -> &'static str {
        match self.way {
            Way::In => "in",
            Way::Out => "out",
            Way::Through => "server",
        }
    }

    /// On which side of the proxy the gateway stands.
    pub fn side(&self) -> Side {
        if self.caller == Caller::Gateway { Side::Near } else { Side::Far }
    }

    pub fn why_not(&self, case: Case) -> Option<&'static str> {
        self.leaves_out.iter().find(|(left_out, _)| *left_out == case).map(|(_, why)| *why)
    }
}

/// Numbers, in the order in which they came.
#[derive(Clone, Default)]
pub struct Came(Arc<Mutex<Vec<u64>>>);

impl Came {
    /// One message, which begins with its number.
    pub fn hear(&self, message: &[u8]) {
        if let Some(number) = number_of(message) {
            self.0.lock().unwrap().push(number);
        }
    }

    pub fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

/// A message: its number, and a line end for protocols that need one.
pub fn message(number: u64) -> String {
    format!("{number} {:08x}\n", number.wrapping_mul(0x9e37_79b9) as u32)
}

/// The number of a message that is whole, also when more was put behind it.
pub fn number_of(message: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(message);
    let mut words = text.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    let check = format!("{:08x}", number.wrapping_mul(0x9e37_79b9) as u32);
    (words.next() == Some(&*check)).then_some(number)
}
