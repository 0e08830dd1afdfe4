//! `tidegate log export`: a log as a file that other programs read.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::json;
use tidegate_nodes::date;
use tidegate_nodes::value::Value;

use super::super::data_dir::DataDir;
use super::super::{Outcome, output, stored};
use super::selection::Selection;
use crate::store::{Archive, Record};

/// Write the messages of a log to a file, or to standard output
///
/// The file appears whole or not at all.
#[derive(Debug, Args)]
pub struct Export {
    /// The log
    name: String,
    #[command(flatten)]
    selection: Selection,
    /// The file to write; without it, standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// One JSON object a line, which `log import` reads, or a table for spreadsheets
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    #[command(flatten)]
    data: DataDir,
    /// With --to: print what was written as a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

impl Export {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let Some(to) = &self.to else {
            let mut out = BufWriter::new(io::stdout().lock());
            let written = self.write(&mut out).and_then(|_| Ok(out.flush()?));
            // `export | head` is no failure.
            return match written {
                Err(error) if is_broken_pipe(&error) => Ok(Outcome::Done),
                other => other.map(|()| Outcome::Done),
            };
        };
        let part = Part::new(to)?;
        let mut out = BufWriter::new(&part.file);
        let count = self.write(&mut out)?;
        out.flush().with_context(|| part.path.display().to_string())?;
        drop(out);
        part.finish(to)?;
        let file = to.display();
        match self.json {
            true => output::json_line(&json!({ "file": to, "messages": count }))?,
            false => output::line(format_args!("{file}: {}", output::messages(count))),
        }
        Ok(Outcome::Done)
    }

    fn write(&self, out: &mut impl Write) -> anyhow::Result<u64> {
        let archive = Archive::open(&self.data.path())?;
        let log = stored::find(&archive, &self.name)?;
        let messages = self.selection.of(&archive, &log)?;
        let mut progress = output::Progress::new();
        let mut count = 0;
        if self.format == Format::Csv {
            out.write_all(b"sequence,time,wall_ms,key,source,topic,payload,value\r\n")?;
        }
        messages.each(|sequence, record| {
            match self.format {
                Format::Jsonl => writeln!(out, "{}", stored::json(sequence, &record))?,
                Format::Csv => row(out, sequence, &record)?,
            }
            count += 1;
            if count % 5_000 == 0 {
                let end = output::grouped(log.next() - 1);
                progress.show(&format!("{}: {} of {end}", self.name, output::grouped(sequence)));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// A line of a table: topic and payload for people, the whole message for those who want all of it.
fn row(out: &mut impl Write, sequence: u64, record: &Record) -> io::Result<()> {
    let of = |name: &str| match record.value.get(name) {
        None => String::new(),
        Some(Value::Str(text)) => text.to_string(),
        Some(other) => other.to_json(),
    };
    let cells = [
        sequence.to_string(),
        date::iso(record.wall_ms),
        record.wall_ms.to_string(),
        record.key.as_deref().unwrap_or_default().to_string(),
        record.source.to_string(),
        of("topic"),
        of("payload"),
        Value::Object(record.value.clone()).to_json(),
    ];
    let line: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    write!(out, "{}\r\n", line.join(","))
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

/// A file that is being written, beside the one it becomes; gone where it does not become one.
struct Part {
    file: File,
    path: PathBuf,
    done: bool,
}

impl Part {
    fn new(to: &Path) -> anyhow::Result<Part> {
        let Some(name) = to.file_name() else {
            bail!("{} is no file to write to", to.display());
        };
        if to.is_dir() {
            bail!("{} is a directory: name a file in it", to.display());
        }
        let path = to.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Part { file, path, done: false })
    }

    fn finish(mut self, to: &Path) -> anyhow::Result<()> {
        self.file.sync_all().with_context(|| self.path.display().to_string())?;
        fs::rename(&self.path, to).with_context(|| to.display().to_string())?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.done {
            // What cannot be removed is named so that people see what it is.
            let _ = fs::remove_file(&self.path);
        }
    }
}
