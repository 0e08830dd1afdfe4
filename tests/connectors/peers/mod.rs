//! The other ends of connections.

pub mod amqp;
pub mod answered;
pub mod http;
pub mod lines;
pub mod mqtt;
pub mod udp;
pub mod websocket;

use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two tries to connect.
const AGAIN: Duration = Duration::from_millis(20);

/// The connection of a peer that has one at a time, and whether it is to have any.
#[derive(Default)]
pub struct Link {
    stream: Mutex<Option<TcpStream>>,
    over: AtomicBool,
}

impl Link {
    pub fn set(&self, stream: &TcpStream) {
        *self.stream.lock().unwrap() = Some(stream.try_clone().unwrap());
        if self.is_over() {
            self.break_off();
        }
    }

    pub fn get(&self) -> Option<TcpStream> {
        self.stream.lock().unwrap().as_ref().map(|stream| stream.try_clone().unwrap())
    }

    pub fn clear(&self) {
        *self.stream.lock().unwrap() = None;
    }

    /// Ends the connection. Who reads from it notices, and makes a new one.
    pub fn break_off(&self) {
        if let Some(stream) = self.stream.lock().unwrap().take() {
            // One that is closed already is broken off as well.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// The peer is gone.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.break_off();
    }
}
