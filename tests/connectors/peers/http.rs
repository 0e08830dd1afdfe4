//! HTTP by hand: a server that answers with what it was sent, and a client that asks until it is told that all is well.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{AGAIN, Link};
use crate::subject::{Came, Peer, message};

pub struct Server {
    port: u16,
    came: Came,
    over: Arc<AtomicBool>,
}

impl Server {
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, came: Came::default(), over: Arc::default() };
        let (came, over) = (server.came.clone(), server.over.clone());
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
        server
    }
}

fn answer(stream: TcpStream, came: &Came) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (_, body) = read(&mut reader)?;
        came.hear(&body);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        writer.write_all(&[head.as_bytes(), &body].concat())?;
    }
}

/// The first line of a request or an answer, and the body.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<(String, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first.is_empty() {
            first = line;
            continue;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((first, body))
}

impl Peer for Server {
    fn port(&self) -> u16 {
        self.port
    }

    fn came(&self) -> Vec<u64> {
        self.came.all()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// One request after the other, each again until it is answered with 200.
pub struct Client {
    port: u16,
    link: Arc<Link>,
    standing: Mutex<Option<BufReader<TcpStream>>>,
}

impl Client {
    pub fn of(port: u16) -> Client {
        Client { port, link: Arc::default(), standing: Mutex::default() }
    }

    fn ask(&self, standing: &mut Option<BufReader<TcpStream>>, number: u64) -> io::Result<bool> {
        if standing.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            self.link.set(&stream);
            *standing = Some(BufReader::new(stream));
        }
        let Some(reader) = standing else { return Ok(false) };
        let body = message(number);
        let request = format!(
            "POST /suite HTTP/1.1\r\nhost: gateway\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        reader.get_mut().write_all(request.as_bytes())?;
        let (first, _) = read(reader)?;
        Ok(first.starts_with("HTTP/1.1 200"))
    }
}

impl Peer for Client {
    fn put(&self, numbers: Range<u64>) {
        let mut standing = self.standing.lock().unwrap();
        for number in numbers {
            while !self.link.is_over() {
                match self.ask(&mut standing, number) {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(_) => *standing = None,
                }
                std::thread::sleep(AGAIN);
            }
        }
    }

    fn renew(&self) {
        self.link.break_off();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.link.end();
    }
}
