//! Datagrams, by a socket of std.

use std::net::UdpSocket;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::subject::{Came, Peer, message};

pub struct Datagrams {
    socket: Arc<UdpSocket>,
    to: u16,
    came: Came,
    over: Arc<AtomicBool>,
}

impl Datagrams {
    pub fn with(to: u16) -> Datagrams {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let datagrams = Datagrams { socket, to, came: Came::default(), over: Arc::default() };
        let (socket, came, over) = (datagrams.socket.clone(), datagrams.came.clone(), datagrams.over.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !over.load(Ordering::Relaxed) {
                if let Ok(length) = socket.recv(&mut buffer) {
                    came.hear(&buffer[..length]);
                }
            }
        });
        datagrams
    }
}

impl Peer for Datagrams {
    fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    fn put(&self, numbers: Range<u64>) {
        for number in numbers {
            // An error is the answer of a port that is closed to an earlier datagram.
            let _ = self.socket.send_to(message(number).as_bytes(), ("127.0.0.1", self.to));
        }
    }

    fn came(&self) -> Vec<u64> {
        self.came.all()
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
