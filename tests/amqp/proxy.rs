//! Stands between the gateway and the broker, and holds back what the broker says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl Proxy {
    pub fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Proxy { port: listener.local_addr().unwrap().port(), held: Arc::default() };
        let accepted = proxy.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (from_near, to_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                std::thread::spawn(move || carry(from_near, to_far, || {}));
                let held = accepted.held.clone();
                std::thread::spawn(move || {
                    carry(far, near, || {
                        let mut is_held = held.0.lock().unwrap();
                        while *is_held {
                            is_held = held.1.wait(is_held).unwrap();
                        }
                    });
                });
            }
        });
        proxy
    }

    pub fn hold(&self) {
        *self.held.0.lock().unwrap() = true;
    }

    pub fn release(&self) {
        *self.held.0.lock().unwrap() = false;
        self.held.1.notify_all();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, before: impl Fn()) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        before();
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
    let _ = from.shutdown(std::net::Shutdown::Both);
}
