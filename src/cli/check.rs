//! `tidegate check`: is this flow right? Opens and starts nothing.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use tidegate_nodes::host::Settings;

use super::{Outcome, output};
use crate::flow::{self, Document, Limits, Problem, ProcessEnv};

/// Check flow files and say all that is wrong with them, without starting anything
#[derive(Debug, Args)]
pub struct Check {
    /// Flow files to check
    #[arg(required = true, value_name = "FLOW.json")]
    files: Vec<PathBuf>,
    /// Print one JSON object a problem
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'p> {
    file: String,
    #[serde(flatten)]
    problem: &'p Problem,
}

impl Check {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let env = ProcessEnv::of_process();
        let mut failed = false;
        for path in &self.files {
            let file = path.display().to_string();
            let (nodes, problems) = match Document::read(path, &Limits::default()) {
                Ok(document) => {
                    let (plan, problems) = flow::check(&document, &env, &Arc::new(Settings::default()));
                    (plan.nodes().count(), problems)
                }
                Err(problems) => (0, problems),
            };
            let bad = problems.iter().any(Problem::is_error);
            failed |= bad;
            if self.json {
                for problem in &problems {
                    output::json_line(&Line { file: file.clone(), problem })?;
                }
                continue;
            }
            output::problems(&file, &problems);
            match bad {
                true => eprintln!("{file}: not ok: {}", output::count(&problems)),
                false => output::line(format_args!(
                    "{file}: ok, {}, {}",
                    output::plural(nodes, "node"),
                    output::count(&problems)
                )),
            }
        }
        Ok(if failed { Outcome::Failed } else { Outcome::Done })
    }
}
