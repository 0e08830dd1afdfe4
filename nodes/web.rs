//! What the host lends to nodes of its HTTP listener: requests that match are handed to a node, which answers them by
//! their id when the flow has; and connections that become something else, such as a WebSocket.

use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::NodeError;
use crate::message::Outcome;
use crate::value::{Object, Str};

/// The listener that all nodes of a gateway share. It opens when the first node serves something.
pub trait Http: Send + Sync {
    /// Hands to this handler what it matches and no handler before it does, until what is given back is dropped. The order
    /// is that of the numbers ([`ConnectorHost::order`](crate::connector::ConnectorHost::order)), then that of the calls.
    fn serve(&self, order: u64, handler: Handler) -> Result<Served, NodeError>;

    /// Answers a request by its id. The first answer counts.
    fn answer(&self, id: &str, answer: Answer, when: When) -> Answered;

    /// All copies of the message that was made of this request have gone. It is called once for each request that a node
    /// has taken, and nothing is known of the request afterwards.
    fn settle(&self, id: &str, outcome: Outcome) -> Settled;

    /// The largest body that is taken.
    fn body_limit(&self) -> usize;
}

/// Who serves.
#[derive(Clone)]
pub enum Handler {
    Requests(Arc<dyn Requests>),
    Sockets(Arc<dyn Sockets>),
}

/// Dropping it ends the serving.
pub type Served = Box<dyn Any + Send>;

pub trait Requests: Send + Sync {
    /// The parameters in the path, where this is a request to serve.
    fn matches(&self, head: &Head) -> Option<Object>;

    /// The methods that it serves, in capitals, on the path of this request: what OPTIONS is answered.
    fn methods(&self, head: &Head) -> Option<&'static str>;

    /// Whether it could take one more. Asked before the body is read.
    fn has_room(&self) -> bool;

    /// Takes a request. What it gives back is the answer where it does not.
    fn take(&self, request: Request) -> Result<(), Answer>;
}

/// Takes connections over after a handshake.
pub trait Sockets: Send + Sync {
    fn matches(&self, head: &Head) -> bool;

    /// Looks at the handshake. `Err` is the answer that refuses it.
    fn upgrade(&self, head: &Arc<Head>) -> Result<Upgrade, Answer>;
}

/// How a handshake is answered, and what becomes of the connection.
pub struct Upgrade {
    pub headers: Vec<(Str, Str)>,
    /// Works until the connection has ended.
    pub run: Box<dyn FnOnce(BoxedStream) -> Working + Send>,
}

pub type Working = Pin<Box<dyn Future<Output = ()> + Send>>;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
pub type BoxedStream = Box<dyn Stream>;

/// A request up to its body.
#[derive(Debug, Clone)]
pub struct Head {
    /// In capitals, as it came.
    pub method: Str,
    /// As it came: the path, and the query behind a question mark.
    pub target: Str,
    /// `1.0` or `1.1`.
    pub version: &'static str,
    /// Names in small letters, values as Latin-1, in the order in which they came.
    pub headers: Vec<(Str, Str)>,
    pub peer: SocketAddr,
}

impl Head {
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The first header of this name, which is in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A whole request, which waits for its answer.
pub struct Request {
    /// Cannot be guessed: who knows it may answer.
    pub id: Str,
    pub head: Arc<Head>,
    pub params: Object,
    pub body: Vec<u8>,
    /// Its share of the memory for bodies, given back when this is dropped.
    pub place: Box<dyn Any + Send>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// 100 to 599.
    pub status: u16,
    /// What is no name or value of a header is left out.
    pub headers: Vec<(Str, Str)>,
    pub body: Arc<[u8]>,
}

impl Answer {
    /// A short text for people.
    pub fn text(status: u16, text: &str) -> Answer {
        let headers = vec![(Str::new("content-type"), Str::new("text/plain; charset=utf-8"))];
        Answer { status, headers, body: text.as_bytes().into() }
    }

    /// There is too much to do: the client is to come again.
    pub fn busy() -> Answer {
        let mut answer = Answer::text(503, "the gateway is busy, try again\n");
        answer.headers.push((Str::new("retry-after"), Str::new("1")));
        answer
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Now,
    /// When all copies of the request's message are done; a lost one makes it 503.
    Delivered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Taken,
    /// It has been answered before.
    Before,
    /// The client has gone away, or the request is of another run of the gateway.
    Gone,
}

/// What became of a request whose message has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Answered,
    /// Nobody had answered: the client was told so.
    Unanswered,
    Gone,
}
