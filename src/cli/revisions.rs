//! `tidegate revisions`, `diff`: what was deployed, and what that changed. They read the data directory, beside a gateway that
//! runs too.

use clap::Args;
use tidegate_nodes::date;

use super::data_dir::DataDir;
use super::{Outcome, output};
use crate::config::{Config, Standing};
use crate::flow::{Diff, Document, Limits, redact};

/// List what was deployed, the newest first
#[derive(Debug, Args)]
pub struct Revisions {
    #[command(flatten)]
    data: DataDir,
    /// How many
    #[arg(short, long, default_value_t = 20)]
    number: usize,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Show what one revision, or a flow file, changes against another
#[derive(Debug, Args)]
pub struct DiffCommand {
    /// A revision's number, or a flow file
    #[arg(value_name = "FROM")]
    from: String,
    /// The same; without it, the newest revision that is good
    #[arg(value_name = "TO")]
    to: Option<String>,
    #[command(flatten)]
    data: DataDir,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Revisions {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let config = Config::open(&self.data.path())?;
        let revisions = config.revisions(i64::MAX, self.number)?;
        if self.json {
            return revisions.iter().try_for_each(output::json_line).map(|()| Outcome::Done);
        }
        if revisions.is_empty() {
            output::line(format_args!("nothing has been deployed in {}", self.data.path().display()));
            return Ok(Outcome::Done);
        }
        let rows: Vec<Vec<String>> = revisions
            .into_iter()
            .map(|revision| {
                let standing = match revision.standing {
                    Standing::Probation => "on probation".to_string(),
                    Standing::Good => "good".to_string(),
                    Standing::Failed => format!("taken back: {}", revision.reason),
                    Standing::Left => format!("left: {}", revision.reason),
                };
                let (at, nodes) =
                    (date::iso(revision.wall_ms), output::grouped(revision.nodes.unsigned_abs()));
                vec![
                    revision.number.to_string(),
                    at,
                    revision.who,
                    revision.via,
                    nodes,
                    standing,
                    revision.name,
                    revision.why,
                ]
            })
            .collect();
        output::table(&["NUMBER", "TIME", "WHO", "HOW", "NODES", "STANDING", "NAME", "WHY"], &rows);
        Ok(Outcome::Done)
    }
}

impl DiffCommand {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let directory = self.data.path();
        let read = |name: &str| -> anyhow::Result<Document> {
            if let Ok(number) = name.parse::<i64>() {
                let found = Config::open(&directory)?.document(number)?;
                let (document, _) = found.ok_or_else(|| {
                    anyhow::anyhow!(
                        "there is no revision {number} in {}: `tidegate revisions` lists them",
                        directory.display()
                    )
                })?;
                return Ok(redact(&document));
            }
            let document = Document::read(name.as_ref(), &Limits::default()).map_err(|problems| {
                anyhow::anyhow!("{}", problems.first().map(ToString::to_string).unwrap_or_default())
            })?;
            Ok(redact(&document))
        };
        let from = read(&self.from)?;
        let to = match &self.to {
            Some(to) => read(to)?,
            None => {
                let good = Config::open(&directory)?.last_good()?;
                let good = good
                    .ok_or_else(|| anyhow::anyhow!("nothing has been deployed in {}", directory.display()))?;
                read(&good.number.to_string())?
            }
        };
        let diff = Diff::between(&from, &to);
        match self.json {
            true => output::json_line(&diff)?,
            false => output::print(format_args!("{diff}")),
        }
        Ok(Outcome::Done)
    }
}
