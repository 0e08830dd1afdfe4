//! Looks at the broker from outside.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::PATIENCE;
use super::rabbit::Rabbit;

pub struct Client {
    runtime: tokio::runtime::Runtime,
    // Kept, for the channel ends with it.
    _connection: Connection,
    pub channel: Channel,
}

/// What came out of a queue.
pub struct Got {
    pub body: Vec<u8>,
    pub properties: BasicProperties,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn message_id(&self) -> String {
        self.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

impl Client {
    pub fn of(rabbit: &Rabbit) -> Client {
        Client::at(rabbit.port)
    }

    pub fn at(port: u16) -> Client {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (connection, channel) = runtime.block_on(async {
            let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
            let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
            (connection, channel)
        });
        Client { runtime, _connection: connection, channel }
    }

    #[track_caller]
    pub fn wait<T>(&self, asked: impl Future<Output = lapin::Result<T>>) -> T {
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await }).unwrap().unwrap()
    }

    /// A durable queue, empty.
    pub fn queue(&self, name: &str) {
        self.queue_with(name, &[]);
    }

    pub fn queue_with(&self, name: &str, arguments: &[(&str, AMQPValue)]) {
        self.wait(self.channel.queue_delete(name.into(), QueueDeleteOptions::default()));
        let mut table = FieldTable::default();
        for (key, value) in arguments {
            table.insert((*key).into(), value.clone());
        }
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.wait(self.channel.queue_declare(name.into(), options, table));
    }

    /// Comes back when the broker has it.
    pub fn publish(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let confirm = self.send(queue, body, properties);
        self.taken(confirm);
    }

    /// Comes back when the broker has all of them.
    pub fn publish_numbers(&self, queue: &str, numbers: std::ops::Range<usize>) {
        let confirms: Vec<_> = numbers
            .map(|n| {
                let properties =
                    BasicProperties::default().with_message_id(format!("n{n}").into()).with_delivery_mode(2);
                self.send(queue, n.to_string().as_bytes(), properties)
            })
            .collect();
        confirms.into_iter().for_each(|confirm| self.taken(confirm));
    }

    #[track_caller]
    fn send(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> impl Future<Output = lapin::Result<Confirmation>> + use<> {
        let options = BasicPublishOptions::default();
        self.wait(self.channel.basic_publish("".into(), queue.into(), options, body, properties))
    }

    #[track_caller]
    fn taken(&self, confirm: impl Future<Output = lapin::Result<Confirmation>>) {
        assert!(self.wait(confirm).is_ack(), "the broker takes it");
    }

    /// Hands over each message that comes to a queue, until this client is gone.
    pub fn consume(&self, queue: &str, each: impl Fn(&[u8]) + Send + 'static) {
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let mut consumer =
            self.wait(self.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()));
        self.runtime.spawn(async move {
            while let Some(Ok(delivery)) = consumer.next().await {
                each(&delivery.data);
            }
        });
    }

    /// Takes the next message out of a queue.
    pub fn get(&self, queue: &str) -> Option<Got> {
        let got = self.wait(self.channel.basic_get(queue.into(), BasicGetOptions::default()))?;
        self.wait(self.channel.basic_ack(got.delivery.delivery_tag, BasicAckOptions::default()));
        let delivery = got.delivery;
        Some(Got { body: delivery.data, properties: delivery.properties })
    }

    /// How many messages are in a queue and not with a consumer.
    pub fn ready(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        self.wait(self.channel.queue_declare(queue.into(), options, FieldTable::default())).message_count()
    }

    /// Waits until so many messages came out of a queue.
    #[track_caller]
    pub fn wait_for(&self, queue: &str, count: usize) -> Vec<Got> {
        let end = std::time::Instant::now() + PATIENCE;
        let mut all = Vec::new();
        while all.len() < count {
            match self.get(queue) {
                Some(got) => all.push(got),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
            assert!(std::time::Instant::now() < end, "only {} of {count} came to {queue}", all.len());
        }
        all
    }
}
