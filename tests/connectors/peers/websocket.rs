//! WebSockets over std sockets, framed by tungstenite: a server for one client after the other, or a client.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::{AGAIN, Link};
use crate::subject::{Came, Peer, message};

/// How long it listens before it looks whether there is something to say.
const TURN: Duration = Duration::from_millis(2);

/// Something to say, and who is told when it is said.
type Said = (String, Sender<()>);

pub struct Socket(Arc<Inner>);

struct Inner {
    port: u16,
    link: Arc<Link>,
    came: Came,
    say: Mutex<Option<Sender<Said>>>,
}

impl Socket {
    pub fn serving() -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let inner = Inner::new(listener.local_addr().unwrap().port());
        let socket = Socket(inner.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if inner.link.is_over() {
                    return;
                }
                // One that is silent must not keep the next one waiting.
                let inner = inner.clone();
                std::thread::spawn(move || {
                    inner.link.set(&stream);
                    if let Ok(websocket) = tungstenite::accept(stream) {
                        inner.serve(websocket);
                    }
                });
            }
        });
        socket
    }

    pub fn calling(port: u16) -> Socket {
        let inner = Inner::new(port);
        let socket = Socket(inner.clone());
        std::thread::spawn(move || {
            while !inner.link.is_over() {
                if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                    inner.link.set(&stream);
                    if let Ok((websocket, _)) = tungstenite::client("ws://127.0.0.1/suite", stream) {
                        inner.serve(websocket);
                    }
                }
                std::thread::sleep(AGAIN);
            }
        });
        socket
    }
}

impl Inner {
    fn new(port: u16) -> Arc<Inner> {
        Arc::new(Inner { port, link: Arc::default(), came: Came::default(), say: Mutex::default() })
    }

    /// Talks until the connection ends.
    fn serve(&self, mut websocket: WebSocket<TcpStream>) {
        websocket.get_ref().set_read_timeout(Some(TURN)).unwrap();
        let (say, said) = channel();
        *self.say.lock().unwrap() = Some(say);
        while !self.link.is_over() && self.turn(&mut websocket, &said).is_ok() {}
        // It is closed when the other side has closed, though the link holds it still.
        let _ = websocket.get_ref().shutdown(Shutdown::Both);
    }

    fn turn(&self, websocket: &mut WebSocket<TcpStream>, said: &Receiver<Said>) -> tungstenite::Result<()> {
        for (text, done) in said.try_iter() {
            websocket.send(Message::text(text))?;
            // Who said it may be gone.
            let _ = done.send(());
        }
        match websocket.read() {
            Ok(Message::Text(text)) => self.came.hear(text.as_bytes()),
            Ok(Message::Binary(bytes)) => self.came.hear(&bytes),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Peer for Socket {
    fn port(&self) -> u16 {
        self.0.port
    }

    /// What the operating system takes is said; the protocol knows no more.
    fn put(&self, numbers: Range<u64>) {
        let mut next = numbers.start;
        while next < numbers.end && !self.0.link.is_over() {
            let (done, all_done) = channel();
            if let Some(say) = &*self.0.say.lock().unwrap() {
                for number in next..numbers.end {
                    // It comes back as not done when the connection is gone.
                    let _ = say.send((message(number), done.clone()));
                }
            }
            drop(done);
            next += all_done.iter().count() as u64;
            if next < numbers.end {
                std::thread::sleep(AGAIN);
            }
        }
    }

    fn came(&self) -> Vec<u64> {
        self.0.came.all()
    }

    fn renew(&self) {
        self.0.link.break_off();
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.link.end();
        // Wakes who waits for a connection, where one does.
        let _ = TcpStream::connect(("127.0.0.1", self.0.port));
    }
}
