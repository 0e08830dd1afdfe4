//! Which messages of a log a command is about.

use std::ops::ControlFlow;

use clap::Args;
use tidegate_nodes::date;

use super::super::stored;
use crate::store::{Archive, Log, Record, StoreError};

/// From where a log is read, and how much of it.
#[derive(Debug, Args)]
pub struct Stretch {
    /// Begin at this sequence
    #[arg(long, value_name = "SEQ", conflicts_with = "since")]
    from: Option<u64>,
    /// Begin at this time: 2026-11-25T10:00Z, 2026-11-25, or so long ago: 2h, 30m, 1d12h
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// Milliseconds since 1970.
fn since(text: &str) -> Result<i64, String> {
    if let Some(ago) = date::parse_span(text) {
        return Ok(stored::now_ms().saturating_sub(ago));
    }
    date::parse(text).ok_or_else(|| {
        "expected a time such as 2026-11-25T10:00Z or 2026-11-25, or so long ago such as 2h, 30m or 1d12h"
            .to_string()
    })
}

#[derive(Debug, Args)]
pub struct KeyFilter {
    /// Only messages with this key
    #[arg(long)]
    key: Option<String>,
}

impl KeyFilter {
    pub fn matches(&self, record: &Record) -> bool {
        self.key.is_none() || self.key.as_deref() == record.key.as_deref()
    }
}

/// A stretch of a log, or what has one key in it.
#[derive(Debug, Args)]
pub struct Selection {
    #[command(flatten)]
    stretch: Stretch,
    #[command(flatten)]
    filter: KeyFilter,
}

impl Stretch {
    pub fn of<'a>(&self, archive: &'a Archive, log: &'a Log) -> Result<Selected<'a>, StoreError> {
        let start = match (self.from, self.since) {
            (Some(from), _) => from,
            (None, Some(wall_ms)) => archive.find_time(log, wall_ms)?,
            (None, None) => log.first(),
        };
        Ok(Selected { archive, log, start, limit: self.limit.unwrap_or(u64::MAX), filter: None })
    }
}

impl Selection {
    pub fn of<'a>(&'a self, archive: &'a Archive, log: &'a Log) -> Result<Selected<'a>, StoreError> {
        Ok(Selected { filter: Some(&self.filter), ..self.stretch.of(archive, log)? })
    }
}

/// The messages that were asked for, of a log that was found.
pub struct Selected<'a> {
    archive: &'a Archive,
    log: &'a Log,
    start: u64,
    limit: u64,
    filter: Option<&'a KeyFilter>,
}

impl Selected<'_> {
    /// The record at the start, whatever its key and the limit are.
    pub fn first(&self) -> Result<Option<Record>, StoreError> {
        let page = self.archive.read(self.log, self.start, 1, 1)?;
        Ok(page.records.into_iter().next().map(|(_, record)| record))
    }

    /// Goes over them, as [`stored::each`] does over all.
    pub fn each(
        &self,
        mut take: impl FnMut(u64, Record) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        let mut left = self.limit;
        stored::each(self.archive, self.log, self.start, |sequence, record| {
            if left == 0 {
                return Ok(ControlFlow::Break(()));
            }
            if !self.filter.is_none_or(|filter| filter.matches(&record)) {
                return Ok(ControlFlow::Continue(()));
            }
            left -= 1;
            take(sequence, record)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ms) in [
            ("2h", Some(7_200_000)),
            ("1d12h", Some(129_600_000)),
            ("1h 30m", Some(5_400_000)),
            ("90s ago", Some(90_000)),
            ("2026", None),
            ("h", None),
            ("", None),
            ("99999999999999999w", None),
            ("2 fortnights", None),
        ] {
            assert_eq!(date::parse_span(text), ms, "{text}");
        }
        assert_eq!(since("2026-11-25T10:00Z"), Ok(1_795_600_800_000));
        assert!(since("soon").unwrap_err().contains("2026-11-25T10:00Z"));
    }
}
