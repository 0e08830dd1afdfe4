//! A gateway that runs a flow, and a client that says exactly what a test wants it to say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::support::{Running, command};

pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Gateway {
    pub running: Running,
    pub port: u16,
}

/// A flow file that runs, with the tab `t`.
pub fn start(folder: &Path, mut nodes: Vec<Json>, options: &[&str]) -> Running {
    nodes.push(json!({"id": "t", "type": "tab", "label": "http"}));
    let file = folder.join("flow.json");
    std::fs::write(&file, Json::Array(nodes).to_string()).unwrap();
    let mut arguments = vec!["run", file.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    arguments.extend(options);
    Running::start(command(&arguments))
}

impl Gateway {
    pub fn start(folder: &Path, nodes: Vec<Json>) -> Gateway {
        Gateway::with(folder, nodes, &[])
    }

    pub fn with(folder: &Path, nodes: Vec<Json>, options: &[&str]) -> Gateway {
        let mut running = start(folder, nodes, options);
        let line = running.line_with("listening for HTTP on");
        let port = line.rsplit_once(':').unwrap().1.trim().parse().unwrap();
        let gateway = Gateway { running, port };
        gateway.until_ready();
        gateway
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, target: &str, headers: &str, body: &str) -> Reply {
        let mut client = self.connect();
        let length = body.len();
        client.say(&format!(
            "{method} {target} HTTP/1.1\r\nhost: gateway\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ));
        client.reply(method != "HEAD")
    }

    /// Asks until the answer has this status: nodes open one after the other.
    pub fn until(&self, method: &str, target: &str, status: u16) -> Reply {
        let end = Instant::now() + PATIENCE;
        loop {
            let reply = self.ask(method, target, "", "");
            if reply.status == status {
                return reply;
            }
            assert!(Instant::now() < end, "{method} {target} is answered with {}", reply.status);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn until_ready(&self) {
        self.until("GET", "/health/ready", 200);
    }
}

pub struct Client(pub BufReader<TcpStream>);

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Client {
    pub fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next answer. One to HEAD has no body, whatever its length says.
    pub fn reply(&mut self, has_body: bool) -> Reply {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status =
            line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer but {line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_string()));
        }
        let mut reply = Reply { status, headers, body: String::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        if has_body {
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).unwrap();
            reply.body = String::from_utf8(body).unwrap();
        }
        reply
    }

    /// What comes until the other side closes.
    pub fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A connection that is cut is closed too.
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

pub fn http_in(id: &str, method: &str, url: &str, to: &[&str]) -> Json {
    json!({"id": id, "type": "http in", "z": "t", "url": url, "method": method, "upload": false, "swaggerDoc": "", "wires": [to]})
}

pub fn response(id: &str) -> Json {
    json!({"id": id, "type": "http response", "z": "t", "statusCode": "", "headers": {}, "wires": []})
}

pub fn template(id: &str, template: &str, to: &str) -> Json {
    json!({"id": id, "type": "template", "z": "t", "field": "payload", "template": template, "wires": [[to]]})
}
