//! Lines over TCP, between std sockets: a server for those who connect, or a client.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;

use super::{AGAIN, Link};
use crate::subject::{Came, Peer, message};

pub struct Lines {
    port: u16,
    link: Arc<Link>,
    came: Came,
}

impl Lines {
    pub fn serving() -> Lines {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Lines { port, link: Arc::default(), came: Came::default() };
        let (link, came) = (lines.link.clone(), lines.came.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if link.is_over() {
                    return;
                }
                link.set(&stream);
                // One that is silent must not keep the next one waiting.
                let came = came.clone();
                std::thread::spawn(move || read(stream, &came));
            }
        });
        lines
    }

    pub fn calling(port: u16) -> Lines {
        let lines = Lines { port, link: Arc::default(), came: Came::default() };
        let (link, came) = (lines.link.clone(), lines.came.clone());
        std::thread::spawn(move || {
            while !link.is_over() {
                if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                    link.set(&stream);
                    read(stream, &came);
                    link.clear();
                }
                std::thread::sleep(AGAIN);
            }
        });
        lines
    }

    pub fn received(&self) -> Came {
        self.came.clone()
    }
}

fn read(stream: TcpStream, came: &Came) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    // A line without its end is half of a message.
    while reader.read_until(b'\n', &mut line).is_ok_and(|_| line.ends_with(b"\n")) {
        came.hear(&line);
        line.clear();
    }
    // It is closed when the other side has closed, though somebody else here may hold it still.
    let _ = reader.get_ref().shutdown(Shutdown::Both);
}

impl Peer for Lines {
    fn port(&self) -> u16 {
        self.port
    }

    /// What the operating system takes is said: TCP knows no more.
    fn put(&self, numbers: Range<u64>) {
        for number in numbers {
            while !self.link.is_over() {
                let sent = self
                    .link
                    .get()
                    .is_some_and(|mut stream| stream.write_all(message(number).as_bytes()).is_ok());
                if sent {
                    break;
                }
                std::thread::sleep(AGAIN);
            }
        }
    }

    fn came(&self) -> Vec<u64> {
        self.came.all()
    }

    fn renew(&self) {
        self.link.break_off();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.link.end();
        // Wakes who waits for a connection, where one does.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}
