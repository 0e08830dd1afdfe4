//! JSON lines of which each is answered: a receiver for `lines out`, and a program that talks to `lines in`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use super::{AGAIN, Link};
use crate::subject::{Came, Peer, message};

/// How many lines the program says before it reads the answers.
pub const WINDOW: usize = 20;

pub struct Receiver {
    port: u16,
    came: Came,
    over: Arc<AtomicBool>,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = Receiver { port, came: Came::default(), over: Arc::default() };
        let (came, over) = (receiver.came.clone(), receiver.over.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let came = came.clone();
                // It ends when the connection does.
                std::thread::spawn(move || answer(stream, &came));
            }
        });
        receiver
    }
}

fn answer(stream: TcpStream, came: &Came) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    for (number, line) in (1..).zip(BufReader::new(stream).lines()) {
        let message: Json = serde_json::from_str(&line?)?;
        came.hear(message["payload"].as_str().unwrap_or_default().as_bytes());
        writer.write_all(format!("ok {number}\n").as_bytes())?;
    }
    Ok(())
}

impl Peer for Receiver {
    fn port(&self) -> u16 {
        self.port
    }

    fn came(&self) -> Vec<u64> {
        self.came.all()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes who waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Says lines, and again those that were not answered with ok.
pub struct Program {
    port: u16,
    link: Arc<Link>,
    standing: Mutex<Option<BufReader<TcpStream>>>,
}

impl Program {
    pub fn calling(port: u16) -> Program {
        Program { port, link: Arc::default(), standing: Mutex::default() }
    }

    fn exchange(&self, standing: &mut Option<BufReader<TcpStream>>, left: &mut Vec<u64>) -> io::Result<()> {
        if standing.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port))?;
            self.link.set(&stream);
            *standing = Some(BufReader::new(stream));
        }
        let Some(reader) = standing else { return Ok(()) };
        let lines: String =
            left.iter().map(|number| format!("{}\n", json!({"payload": message(*number)}))).collect();
        reader.get_mut().write_all(lines.as_bytes())?;
        for number in left.clone() {
            let mut answer = String::new();
            if reader.read_line(&mut answer)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if answer.starts_with("ok ") {
                left.retain(|unanswered| *unanswered != number);
            }
        }
        Ok(())
    }
}

impl Peer for Program {
    fn put(&self, numbers: Range<u64>) {
        let mut standing = self.standing.lock().unwrap();
        let numbers: Vec<u64> = numbers.collect();
        for chunk in numbers.chunks(WINDOW) {
            let mut left = chunk.to_vec();
            while !left.is_empty() && !self.link.is_over() {
                if self.exchange(&mut standing, &mut left).is_err() {
                    *standing = None;
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    fn renew(&self) {
        self.link.break_off();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.link.end();
    }
}
