//! A web server of the test's own: one file, with an ETag, and a count of what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

#[derive(Default)]
pub struct Counts {
    pub whole: usize,
    pub same: usize,
    /// The ETag that came with the last request.
    pub asked_with: Option<String>,
}

pub struct Server {
    pub port: u16,
    pub counts: Arc<Mutex<Counts>>,
    pub file: Arc<Mutex<(Vec<u8>, String)>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(port: u16, bytes: &[u8], etag: &str) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (counts, stop) = (Arc::<Mutex<Counts>>::default(), Arc::<AtomicBool>::default());
        let file = Arc::new(Mutex::new((bytes.to_vec(), etag.to_string())));
        let (seen, is_over, shown) = (counts.clone(), stop.clone(), file.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let mut reader = BufReader::new(stream);
                let mut etag = None;
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    if let Some(value) = line.to_ascii_lowercase().strip_prefix("if-none-match:") {
                        etag = Some(value.trim().to_string());
                    }
                    line.clear();
                }
                let (bytes, current) = shown.lock().unwrap().clone();
                let mut seen = seen.lock().unwrap();
                seen.asked_with = etag.clone();
                let is_same = etag.as_deref() == Some(&current);
                let (head, body) = match is_same {
                    true => ("304 Not Modified".to_string(), &[][..]),
                    false => (format!("200 OK\r\ncontent-length: {}", bytes.len()), bytes.as_slice()),
                };
                *(if is_same { &mut seen.same } else { &mut seen.whole }) += 1;
                drop(seen);
                let head = format!("HTTP/1.1 {head}\r\netag: {current}\r\nconnection: close\r\n\r\n");
                let stream = reader.get_mut();
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        Server { port, counts, file, stop, thread: Some(thread) }
    }

    pub fn show(&self, bytes: &[u8], etag: &str) {
        *self.file.lock().unwrap() = (bytes.to_vec(), etag.to_string());
    }

    pub fn same(&self) -> usize {
        self.counts.lock().unwrap().same
    }

    pub fn whole(&self) -> usize {
        self.counts.lock().unwrap().whole
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().unwrap().join();
    }
}
