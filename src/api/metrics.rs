//! `/metrics`: figures for Prometheus and what reads its text form. Names and ids only, never what a message says.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::access::Metrics;
use super::fault::Fault;
use super::gateway::{Gateway, blocking};
use crate::config::Standing;

pub async fn metrics(_: Metrics, State(gateway): State<Gateway>) -> Result<impl IntoResponse, Fault> {
    // Backlogs are read from the disk.
    let text = blocking(move || text(&gateway)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn text(gateway: &Gateway) -> String {
    let mut page = Page::default();
    let engine = gateway.deployer.engine();
    let revision = &gateway.deployer.current().revision;
    page.family("tidegate_info", "gauge", "The version of the gateway");
    page.value(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    page.family("tidegate_revision", "gauge", "The number of the revision that runs");
    page.value(&[], revision.number as f64);
    page.family("tidegate_revision_on_probation", "gauge", "Whether it has still to show that it is healthy");
    page.value(&[], f64::from(revision.standing == Standing::Probation));

    let nodes = engine.counters().nodes();
    for (name, help, of) in [
        ("tidegate_node_received_total", "Messages at a node's input", 0),
        ("tidegate_node_sent_total", "Messages out of a node", 1),
        ("tidegate_node_errors_total", "Errors of a node", 2),
    ] {
        page.family(name, "counter", help);
        for node in &nodes {
            page.value(&[("node", &node.node)], [node.received, node.sent, node.errors][of] as f64);
        }
    }
    let vitals = gateway.deployer.vitals().all();
    page.family("tidegate_node_up", "gauge", "0 for a node that is away from its other side, or stopped");
    for (id, vital) in &vitals {
        let is_up = vital.away.is_none() && vital.stopped.is_none();
        page.value(&[("node", id)], f64::from(is_up));
    }

    let backlogs = engine.backlogs();
    page.family("tidegate_outbox_messages", "gauge", "Messages that wait on the disk, by priority");
    for backlog in &backlogs {
        for (priority, messages) in ["alarm", "event", "telemetry"].iter().zip(backlog.messages) {
            page.value(&[("node", &backlog.node), ("priority", priority)], messages as f64);
        }
    }
    page.family("tidegate_outbox_bytes", "gauge", "What they take");
    backlogs.iter().for_each(|backlog| page.value(&[("node", &backlog.node)], backlog.bytes as f64));
    page.family("tidegate_outbox_oldest_seconds", "gauge", "How long the oldest of them has waited");
    for backlog in &backlogs {
        page.value(&[("node", &backlog.node)], backlog.oldest_age_ms.unwrap_or(0) as f64 / 1e3);
    }
    page.family(
        "tidegate_outbox_held_back",
        "gauge",
        "Messages for which there is no room: their sources wait",
    );
    backlogs.iter().for_each(|backlog| page.value(&[("node", &backlog.node)], backlog.parked as f64));
    page.text
}

/// The text as it grows: families, each with its values.
#[derive(Default)]
struct Page {
    text: String,
    family: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn value(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let family = self.family;
        match labels.is_empty() {
            true => self.line(format_args!("{family} {value}")),
            false => self.line(format_args!("{family}{{{}}} {value}", labels.join(","))),
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("a string takes everything");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_anything_in_it_stays_in_its_label() {
        let mut page = Page::default();
        page.family("x", "gauge", "An x");
        page.value(&[("node", "a\"} 1\nb\\"), ("of", "c")], 2.5);
        page.value(&[], 1.0);
        assert_eq!(
            page.text,
            "# HELP x An x\n# TYPE x gauge\nx{node=\"a\\\"} 1\\nb\\\\\",of=\"c\"} 2.5\nx 1\n"
        );
    }
}
