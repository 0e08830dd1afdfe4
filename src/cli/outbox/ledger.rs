//! `tidegate outbox ledger`.

use clap::Args;
use serde_json::json;
use tidegate_nodes::date;

use super::super::{Outcome, output};
use super::Common;
use crate::store::Archive;

/// Show what will not be delivered and why: the newest entries of the ledger, and the sums of all there ever were
#[derive(Debug, Args)]
pub struct Ledger {
    /// How many entries
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    lines: usize,
    #[command(flatten)]
    common: Common,
}

impl Ledger {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let archive = Archive::open(&self.common.data.path())?;
        let view = archive.view();
        let (rows, totals) = (view.ledger(self.lines)?, view.ledger_totals()?);
        if self.common.json {
            for row in &rows {
                output::json_line(row)?;
            }
            for (scope, reason, total) in &totals {
                output::json_line(&json!({ "scope": scope, "reason": reason, "total": total }))?;
            }
            return Ok(Outcome::Done);
        }
        if totals.is_empty() {
            output::line(format_args!("the ledger is empty: nothing was given up"));
            return Ok(Outcome::Done);
        }
        let range = |first: Option<u64>, last: Option<u64>| match (first, last) {
            (Some(first), Some(last)) if first == last => format!("#{first}"),
            (Some(first), Some(last)) => format!("#{first} to #{last}"),
            _ => String::new(),
        };
        let cells = rows.iter().map(|row| {
            vec![
                date::iso(row.wall_ms),
                row.scope.clone(),
                row.reason.clone(),
                output::grouped(row.count),
                range(row.first, row.last),
                row.detail.clone().unwrap_or_default(),
            ]
        });
        output::table(&["TIME", "OF", "REASON", "COUNT", "WHICH", "DETAIL"], &cells.collect::<Vec<_>>());
        output::line(format_args!(""));
        let sums =
            totals.into_iter().map(|(scope, reason, total)| vec![scope, reason, output::grouped(total)]);
        output::table(&["OF", "REASON", "TOTAL"], &sums.collect::<Vec<_>>());
        Ok(Outcome::Done)
    }
}
