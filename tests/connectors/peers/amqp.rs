//! A queue of the RabbitMQ that all cases share, each with a queue of its own.

use std::ops::Range;

use lapin::BasicProperties;

use crate::brokers::amqp_client::Client;
use crate::brokers::rabbit::rabbit;
use crate::subject::{Came, Peer, message};

/// Where the broker listens, for a case in a process of its own.
pub const PORT: &str = "CONNECTOR_RABBIT";

/// The broker's port: that of the process that started this one, where there is one.
pub fn port() -> u16 {
    std::env::var(PORT).ok().and_then(|port| port.parse().ok()).unwrap_or_else(|| rabbit().port)
}

pub struct Queue {
    client: Client,
    name: String,
    came: Came,
}

impl Queue {
    pub fn publishing(name: &str) -> Queue {
        let client = Client::at(port());
        client.queue(name);
        Queue { client, name: name.to_string(), came: Came::default() }
    }

    pub fn reading(name: &str) -> Queue {
        let queue = Queue::publishing(name);
        let came = queue.came.clone();
        queue.client.consume(name, move |body| came.hear(body));
        queue
    }
}

impl Peer for Queue {
    fn port(&self) -> u16 {
        port()
    }

    fn put(&self, numbers: Range<u64>) {
        for number in numbers {
            let properties = BasicProperties::default().with_delivery_mode(2);
            self.client.publish(&self.name, message(number).as_bytes(), properties);
        }
    }

    fn came(&self) -> Vec<u64> {
        self.came.all()
    }
}
