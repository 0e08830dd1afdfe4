//! MQTT clients by hand, at a Mosquitto of the test's own or at the broker of the gateway.

use std::io::{self, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{AGAIN, Link};
use crate::brokers::mosquitto::Mosquitto;
use crate::packets::{self, Packet, Reader};
use crate::subject::{Came, Peer, message};

/// How many messages a publisher has under way.
const WINDOW: usize = 20;

pub struct Mqtt {
    // It ends with the test.
    broker: Option<Mosquitto>,
    topic: String,
    publisher: Publisher,
    /// To the same broker, without the proxy.
    direct: Publisher,
    reader: Option<Subscriber>,
    another: Option<Subscriber>,
}

impl Mqtt {
    /// A broker whose reader is there from the beginning, and keeps its session.
    pub fn reading(name: &str) -> Mqtt {
        let broker = Mosquitto::start();
        let (topic, port) = (format!("suite/{name}"), broker.port);
        let reader = Subscriber::start(port, &format!("reader-{name}"), &topic);
        let (publisher, direct) =
            (Publisher::new(port, name), Publisher::new(port, &format!("direct-{name}")));
        Mqtt { broker: Some(broker), topic, publisher, direct, reader: Some(reader), another: None }
    }

    /// A broker that keeps messages for a client that has not come yet.
    pub fn publishing(name: &str) -> Mqtt {
        let broker = Mosquitto::start();
        let (topic, port) = (format!("suite/{name}"), broker.port);
        let (mut reader, mut stream) = packets::connect(port, name).unwrap();
        packets::subscribe(&mut stream, &topic).unwrap();
        // Its SUBACK.
        reader.next().unwrap();
        stream.write_all(&[0xe0, 0]).unwrap();
        let (publisher, direct) =
            (Publisher::new(port, name), Publisher::new(port, &format!("direct-{name}")));
        Mqtt { broker: Some(broker), topic, publisher, direct, reader: None, another: None }
    }

    /// Clients of a broker that is reached by one port through the proxy and by another without it.
    pub fn clients(name: &str, port: u16, direct: u16) -> Mqtt {
        let topic = format!("suite/{name}");
        let reader = Subscriber::start(port, &format!("reader-{name}"), &topic);
        let another = Subscriber::start(direct, &format!("another-{name}"), &topic);
        let (publisher, direct) =
            (Publisher::new(port, name), Publisher::new(direct, &format!("direct-{name}")));
        Mqtt { broker: None, topic, publisher, direct, reader: Some(reader), another: Some(another) }
    }
}

impl Mqtt {
    /// Waits until all are there: what nobody has subscribed to goes to nobody.
    fn until_read(&self) {
        for reader in self.reader.iter().chain(&self.another) {
            while !reader.subscribed.load(Ordering::SeqCst) {
                std::thread::sleep(AGAIN);
            }
        }
    }
}

impl Peer for Mqtt {
    fn port(&self) -> u16 {
        self.broker.as_ref().map_or(0, |broker| broker.port)
    }

    fn put(&self, numbers: Range<u64>) {
        self.until_read();
        self.publisher.put(&self.topic, numbers);
    }

    fn put_directly(&self, numbers: Range<u64>) {
        self.until_read();
        self.direct.put(&self.topic, numbers);
    }

    fn came(&self) -> Vec<u64> {
        self.reader.as_ref().map(|reader| reader.came.all()).unwrap_or_default()
    }

    fn renew(&self) {
        self.publisher.link.break_off();
        if let Some(reader) = &self.reader {
            reader.link.break_off();
        }
    }

    fn came_to_another(&self) -> Option<Came> {
        self.another.as_ref().map(|another| another.came.clone())
    }
}

/// Publishes at QoS 1, and again what was not acknowledged.
struct Publisher {
    port: u16,
    name: String,
    link: Arc<Link>,
    standing: Mutex<Option<(Reader, TcpStream)>>,
}

impl Publisher {
    fn new(port: u16, name: &str) -> Publisher {
        Publisher {
            port,
            name: format!("publisher-{name}"),
            link: Arc::default(),
            standing: Mutex::default(),
        }
    }

    fn put(&self, topic: &str, numbers: Range<u64>) {
        let mut standing = self.standing.lock().unwrap();
        let numbers: Vec<u64> = numbers.collect();
        for chunk in numbers.chunks(WINDOW) {
            let mut left: Vec<(u16, u64)> = (1..).zip(chunk.iter().copied()).collect();
            let mut again = false;
            while !left.is_empty() && !self.link.is_over() {
                if self.exchange(&mut standing, topic, &mut left, again).is_err() {
                    *standing = None;
                    again = true;
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    fn exchange(
        &self,
        standing: &mut Option<(Reader, TcpStream)>,
        topic: &str,
        left: &mut Vec<(u16, u64)>,
        again: bool,
    ) -> io::Result<()> {
        if standing.is_none() {
            let connected = packets::connect(self.port, &self.name)?;
            self.link.set(&connected.1);
            *standing = Some(connected);
        }
        let Some((reader, stream)) = standing else { return Ok(()) };
        let mut bytes = Vec::new();
        for (id, number) in &*left {
            packets::publish(&mut bytes, *id, again, topic, message(*number).as_bytes());
        }
        stream.write_all(&bytes)?;
        while !left.is_empty() {
            if let Packet::Acknowledged(acknowledged) = reader.next()? {
                left.retain(|(id, _)| *id != acknowledged);
            }
        }
        Ok(())
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.link.end();
    }
}

/// Subscribes at QoS 1 under a name whose session is kept, and comes again when it is cut off.
struct Subscriber {
    link: Arc<Link>,
    came: Came,
    /// Whether the broker knows the subscription.
    subscribed: Arc<AtomicBool>,
}

impl Subscriber {
    fn start(port: u16, name: &str, topic: &str) -> Subscriber {
        let subscriber =
            Subscriber { link: Arc::default(), came: Came::default(), subscribed: Arc::default() };
        let (link, came, subscribed) =
            (subscriber.link.clone(), subscriber.came.clone(), subscriber.subscribed.clone());
        let (name, topic) = (name.to_string(), topic.to_string());
        std::thread::spawn(move || {
            while !link.is_over() {
                // It ends with an error, always: the connection is lost, or was not to be had.
                let _ = read(port, &name, &topic, &link, &came, &subscribed);
                link.clear();
                std::thread::sleep(AGAIN);
            }
        });
        subscriber
    }
}

fn read(
    port: u16,
    name: &str,
    topic: &str,
    link: &Link,
    came: &Came,
    subscribed: &AtomicBool,
) -> io::Result<()> {
    let (mut reader, mut stream) = packets::connect(port, name)?;
    link.set(&stream);
    // It may have nothing to hear for long.
    stream.set_read_timeout(Some(Duration::from_secs(600)))?;
    packets::subscribe(&mut stream, topic)?;
    loop {
        match reader.next()? {
            Packet::Publish { id, payload } => {
                came.hear(&payload);
                let mut bytes = Vec::new();
                packets::acknowledge(&mut bytes, id);
                stream.write_all(&bytes)?;
            }
            // Its SUBACK: nothing else comes to it.
            _ => subscribed.store(true, Ordering::SeqCst),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.link.end();
    }
}
