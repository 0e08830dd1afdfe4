//! The port that it listens on, its certificate, and the servers that its flows talk to.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use tidegate_nodes::tls::{Pem, TlsSettings};

use super::super::settings::Settings;
use super::Finding;
use crate::control::{self, Request};
use crate::flow::Document;

/// A server that does not take a connection by then is not there.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn listener(settings: &Settings, data: &Path) -> Option<Finding> {
    const ABOUT: &str = "port";
    let Some(address) = settings.listen else {
        return Some(Finding::ok(ABOUT, "it listens for no HTTP, as its settings say"));
    };
    Some(match TcpListener::bind(address) {
        Ok(_) => Finding::ok(ABOUT, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_running(data) => {
            Finding::ok(ABOUT, format!("{address} is taken, and this gateway runs"))
        }
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!(
                        "see who has it with: ss -ltnp 'sport = :{}'; or choose another with --listen",
                        address.port()
                    )
                }
                ErrorKind::PermissionDenied => "ports below 1024 need a privilege: use one above".to_string(),
                ErrorKind::AddrNotAvailable => {
                    "no interface of this machine has that address: see ip addr".to_string()
                }
                _ => "choose another with --listen".to_string(),
            };
            Finding::bad(ABOUT, format!("it cannot listen on {address}: {error}"), advice)
        }
    })
}

fn is_running(data: &Path) -> bool {
    let asked = control::ask(data, &Request::Status, &mut |_| std::ops::ControlFlow::Continue(()));
    asked.is_ok_and(|status| status.is_some())
}

pub fn certificate(settings: &Settings, data: &Path) -> Option<Finding> {
    const ABOUT: &str = "https";
    let files = settings.tls_files(data)?;
    if settings.tls_certificate.is_none() && !files.certificate.exists() {
        return Some(Finding::ok(ABOUT, "a certificate is made at the next start"));
    }
    let file = |path: &Path| Pem::File(path.to_string_lossy().into_owned());
    let read = TlsSettings {
        certificate: file(&files.certificate),
        key: file(&files.key),
        ..TlsSettings::default()
    };
    Some(match read.server() {
        Ok(_) => Finding::ok(ABOUT, format!("{} and its key go together", files.certificate.display())),
        Err(error) => {
            Finding::bad(ABOUT, error.to_string(), "both are PEM files that the gateway's user may read")
        }
    })
}

/// Kinds of nodes that name a server: where the host and the port stand, and which port is usual.
const SERVERS: &[(&str, &str, &str, u16)] = &[
    ("mqtt-broker", "broker", "port", 1883),
    ("amqp-broker", "host", "port", 5672),
    ("tcp out", "host", "port", 0),
    ("tcp in", "host", "port", 0),
    ("tcp request", "server", "port", 0),
];

/// Whether each server that the flows name takes a connection.
pub fn brokers(document: &Document) -> Vec<Finding> {
    let mut seen = Vec::new();
    for node in &document.nodes {
        let text = |name: &str| match node.properties.get(name) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let Some((_, host, port, usual)) = SERVERS.iter().find(|(kind, ..)| *kind == text("type")) else {
            continue;
        };
        let (host, port) = (text(host), text(port).parse().unwrap_or(*usual));
        // What stands in the environment or is a URL is known only to the node.
        if node.properties.get("d") == Some(&serde_json::Value::Bool(true))
            || host.is_empty()
            || host.contains(['$', '/'])
            || port == 0
        {
            continue;
        }
        let server = (host, port);
        if !seen.contains(&server) {
            seen.push(server);
        }
    }
    seen.iter().map(|(host, port)| server(host, *port)).collect()
}

fn server(host: &str, port: u16) -> Finding {
    const ABOUT: &str = "server";
    match reach(host, port) {
        Ok(()) => Finding::ok(ABOUT, format!("{host}:{port} takes connections")),
        Err((error, advice)) => Finding::warning(ABOUT, format!("{host}:{port}: {error}"), advice),
    }
}

fn reach(host: &str, port: u16) -> Result<(), (io::Error, &'static str)> {
    let addresses: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|error| {
            (error, "the name is not known: look at its spelling, and at the DNS server of this board")
        })?
        .collect();
    let mut failed = io::Error::other("it has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => failed = error,
        }
    }
    let advice = match failed.kind() {
        ErrorKind::ConnectionRefused => {
            "the machine is there and nothing listens: is the server running, and the port right?"
        }
        ErrorKind::TimedOut => "nothing comes back: a firewall, or the machine is off",
        _ => "is this board in the network? see ip route",
    };
    Err((failed, advice))
}
