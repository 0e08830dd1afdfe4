//! The shared connection to a broker. Opened and opened again by the engine; lapin's own recovery stays off.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_rs::Runtime;
use futures_util::StreamExt;
use lapin::tcp::AsyncTcpStream;
use lapin::types::LongString;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Event};

use super::address::Address;
use super::reasons;
use super::socket::{self, Cut, Kit};
use crate::connector::{ConnectorHost, DynResource, Resource, ResourceHost};
use crate::error::NodeError;
use crate::host::Level;
use crate::tls::TlsSettings;

/// How long each step may take: a socket, the handshake, an answer on a channel, a goodbye.
const CONNECT: Duration = Duration::from_secs(20);
const HANDSHAKE: Duration = Duration::from_secs(20);
pub const ANSWER: Duration = Duration::from_secs(20);
pub const GOODBYE: Duration = Duration::from_secs(2);
/// lapin tells that a connection is gone; this is for when it does not.
const LOOK: Duration = Duration::from_secs(1);
/// lapin keeps 64 of them as buffers, so this decides what a connection costs in memory.
pub const FRAME: u32 = 64 * 1024;

/// Holds a password, so it is not shown.
pub struct Settings {
    pub address: Address,
    pub tls: Option<String>,
    pub user: String,
    pub password: String,
    pub heartbeat: u16,
    pub name: String,
}

pub struct Broker {
    settings: Settings,
    live: Mutex<Option<Arc<Live>>>,
}

struct Live {
    connection: Connection,
    cut: Arc<Cut>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.cut.cut();
    }
}

/// The resource of a broker.
pub fn find(host: &dyn ConnectorHost, id: &str) -> Result<Arc<dyn DynResource>, NodeError> {
    let lent = host.resource(id).ok_or_else(|| {
        NodeError::config("/broker", format!("the broker {id} is not there, or its settings are wrong"))
    })?;
    of(&lent)?;
    Ok(lent)
}

pub fn of(lent: &Arc<dyn DynResource>) -> Result<&Broker, NodeError> {
    lent.as_any().downcast_ref().ok_or_else(|| NodeError::config("/broker", "it is no amqp-broker"))
}

/// Waits for an answer of the broker, but not for ever.
pub async fn answer<T>(what: &str, asked: impl Future<Output = lapin::Result<T>>) -> Result<T, NodeError> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(reasons::disconnected(what, &error)),
        Err(_) => Err(NodeError::disconnected(format!("{what}: the broker does not answer"))),
    }
}

impl Broker {
    pub fn new(settings: Settings) -> Broker {
        Broker { settings, live: Mutex::new(None) }
    }

    pub fn user(&self) -> &str {
        &self.settings.user
    }

    /// A channel of a node's own.
    pub async fn channel(&self) -> Result<Channel, NodeError> {
        let live = self.live().clone();
        let live = live.ok_or_else(|| NodeError::disconnected("the connection is closed"))?;
        answer("no channel", live.connection.create_channel()).await
    }

    /// Whether the broker takes no messages at present, because it is short of memory or disk.
    pub fn is_blocked(&self) -> bool {
        self.live().as_ref().is_some_and(|live| live.connection.status().blocked())
    }

    fn live(&self) -> MutexGuard<'_, Option<Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uri(&self) -> AMQPUri {
        let Settings { address, user, password, heartbeat, .. } = &self.settings;
        AMQPUri {
            scheme: AMQPScheme::AMQP,
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username: user.clone(), password: password.clone() },
                host: address.host.clone(),
                port: address.port,
            },
            vhost: address.vhost.clone(),
            query: AMQPQueryString {
                frame_max: Some(FRAME),
                heartbeat: Some(*heartbeat),
                ..AMQPQueryString::default()
            },
        }
    }

    async fn connect(&self, host: &dyn ResourceHost) -> Result<Live, NodeError> {
        let address = &self.settings.address;
        let lent = self.settings.tls.as_ref().map(|id| {
            host.resource(id).ok_or_else(|| {
                NodeError::config("/tls", format!("the TLS settings {id} are not there or not right"))
            })
        });
        let lent = lent.transpose()?;
        let default = TlsSettings::default();
        let tls = match &lent {
            None => &default,
            Some(lent) => lent
                .as_any()
                .downcast_ref::<TlsSettings>()
                .ok_or_else(|| NodeError::config("/tls", "these are no TLS settings"))?,
        };
        let cut = Arc::<Cut>::default();
        let late = || NodeError::disconnected(format!("{address} does not answer"));
        let socket = tokio::time::timeout(CONNECT, socket::connect(address, tls, cut.clone()));
        let socket = socket.await.map_err(|_| late())??;
        // lapin asks for it once: it does not try again by itself.
        let socket = Arc::new(Mutex::new(Some(socket)));
        let lend = async move |_: AMQPUri, _: Runtime<Kit>| {
            let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
            let gone = || std::io::Error::from(std::io::ErrorKind::NotConnected);
            Ok(AsyncTcpStream::Plain(socket.ok_or_else(gone)?))
        };
        let properties = ConnectionProperties::default()
            .with_connection_name(LongString::from(self.settings.name.as_str()))
            .with_client_property("product".into(), LongString::from("Tidegate"));
        let handshake = Connection::connector(self.uri(), Runtime::new(Kit::current()), lend, properties);
        match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(connection)) => Ok(Live { connection, cut }),
            Ok(Err(error)) => {
                cut.cut();
                let Address { vhost, .. } = address;
                let what =
                    format!("{address} refuses user {:?} at virtual host {vhost:?}", self.settings.user);
                Err(match error.is_amqp_error() {
                    true => reasons::disconnected(&what, &error),
                    false => reasons::disconnected(&format!("no connection to {address}"), &error),
                })
            }
            Err(_) => {
                cut.cut();
                Err(late())
            }
        }
    }
}

impl Resource for Broker {
    async fn open(&self, host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        let live = self.connect(&*host).await?;
        host.log(Level::Info, &format!("connected to {}", self.settings.address));
        *self.live() = Some(Arc::new(live));
        Ok(())
    }

    async fn run(&self) -> Result<(), NodeError> {
        let live = self.live().clone();
        let Some(live) = live else { return Err(NodeError::disconnected("the connection is closed")) };
        let mut events = std::pin::pin!(live.connection.events_listener());
        let mut why = None;
        loop {
            match tokio::time::timeout(LOOK, events.next()).await {
                Ok(Some(Event::Error(error))) => why = Some(error),
                Ok(Some(_)) => {}
                Ok(None) => return Err(NodeError::disconnected("the connection is lost")),
                Err(_) if live.connection.status().connected() => why = None,
                Err(_) => {}
            }
            if live.connection.status().connected() {
                continue;
            }
            return Err(match why {
                Some(error) => reasons::disconnected("the connection is lost", &error),
                None => NodeError::disconnected("the connection is lost"),
            });
        }
    }

    async fn close(&self) {
        let live = self.live().take();
        let Some(live) = live else { return };
        if live.connection.status().connected() {
            // Who does not answer is cut off.
            let _ = tokio::time::timeout(GOODBYE, live.connection.close(200, "goodbye".into())).await;
        }
    }
}
