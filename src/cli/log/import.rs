//! `tidegate log import`: messages from a file into a log.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde_json::json;

use super::super::data_dir::DataDir;
use super::super::{Outcome, output};
use crate::control::{Message, Request, Session};

/// Append messages to a log, one JSON object a line, as `log export` writes them
///
/// Each line has a `value`, the message; `wall_ms`, `event_ms`, `key` and `source` where they are known. The sequences are
/// new ones. A log that is not there is made.
#[derive(Debug, Args)]
pub struct Import {
    /// The log
    name: String,
    /// The file to read; without it, standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    data: DataDir,
    /// Print what was done as a JSON object
    #[arg(long)]
    json: bool,
}

/// What is handed over at once.
const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 2 * 1024 * 1024;

impl Import {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let name = self.file.as_ref().map_or("standard input".to_string(), |file| file.display().to_string());
        let lines: Box<dyn BufRead> = match &self.file {
            Some(path) => Box::new(BufReader::new(File::open(path).with_context(|| name.clone())?)),
            None => Box::new(BufReader::new(io::stdin().lock())),
        };
        let session = Session::open(&self.data.path())?;
        let mut progress = output::Progress::new();
        let mut done = 0;
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut flush = |batch: &mut Vec<Message>| -> anyhow::Result<u64> {
            let messages = std::mem::take(batch);
            if messages.is_empty() {
                return Ok(done);
            }
            let count = messages.len() as u64;
            let request = Request::Append { log: self.name.clone(), messages };
            session.perform(&request, &mut |_| ControlFlow::Continue(()))?;
            done += count;
            progress.show(&format!("{}: {}", self.name, output::messages(done)));
            Ok(done)
        };
        for (n, line) in lines.lines().enumerate() {
            let parsed = line.map_err(anyhow::Error::from).and_then(|line| {
                bytes += line.len();
                if line.trim().is_empty() { Ok(None) } else { read(&line).map(Some) }
            });
            let message = match parsed {
                Ok(message) => message,
                Err(error) => {
                    let done = flush(&mut batch)?;
                    bail!(
                        "{name}, line {}: {error}; what is before it is in the log: {}",
                        n + 1,
                        output::messages(done)
                    );
                }
            };
            batch.extend(message);
            if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                bytes = 0;
                flush(&mut batch)?;
            }
        }
        let done = flush(&mut batch)?;
        match self.json {
            true => output::json_line(&json!({ "log": self.name, "messages": done }))?,
            false => output::line(format_args!("{}: {} appended", self.name, output::messages(done))),
        }
        Ok(Outcome::Done)
    }
}

fn read(line: &str) -> anyhow::Result<Message> {
    let message: Message = serde_json::from_str(line)
        .map_err(|error| anyhow!("{error}; expected an object such as {{\"value\": {{\"payload\": 1}}}}"))?;
    if !message.value.is_object() {
        bail!("its value is no object; expected an object such as {{\"value\": {{\"payload\": 1}}}}");
    }
    Ok(message)
}
