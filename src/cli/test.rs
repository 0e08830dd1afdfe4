//! `tidegate test`: plays flow tests.

use std::path::PathBuf;

use clap::Args;

use super::{Outcome, output};
use crate::flowtest::{self, Verdict};

/// Play flow tests under the virtual clock: no network, no real time
#[derive(Debug, Args)]
pub struct Test {
    /// Test files; docs/flow-tests.md says what they hold
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Leave out cases with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    skip_tag: Vec<String>,
    /// Leave out cases with a node type that this gateway does not have
    #[arg(long)]
    skip_unknown: bool,
    /// Print one JSON object a case
    #[arg(long)]
    json: bool,
}

impl Test {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        let mut progress = output::Progress::new();
        for path in &self.files {
            for case in flowtest::read(path)? {
                if self.name.as_ref().is_some_and(|text| !case.name.contains(text)) {
                    continue;
                }
                if case.tags.iter().any(|tag| self.skip_tag.contains(tag))
                    || (self.skip_unknown && case.names_unknown_type())
                {
                    skipped += 1;
                    continue;
                }
                progress.show(&format!("{}: {}", path.display(), case.name));
                let verdict = flowtest::play(&case);
                progress.show("");
                *(if verdict.ok { &mut passed } else { &mut failed }) += 1;
                self.print(&verdict)?;
            }
        }
        drop(progress);
        if !self.json {
            let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
            output::line(format_args!("{passed} passed, {failed} failed{skipped}"));
        }
        Ok(if failed > 0 { Outcome::Failed } else { Outcome::Done })
    }

    fn print(&self, verdict: &Verdict) -> anyhow::Result<()> {
        if self.json {
            return output::json_line(verdict);
        }
        output::line(format_args!("{} {}", if verdict.ok { "ok" } else { "not ok" }, verdict.name));
        for line in verdict.why.lines() {
            output::line(format_args!("    {line}"));
        }
        Ok(())
    }
}
