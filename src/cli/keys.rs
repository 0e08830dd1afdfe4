//! `tidegate keys`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::data_dir::DataDir;
use super::{Outcome, logging, output, passwd};
use crate::config::Config;

/// See to the key that seals the secrets of flows
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Renew(Renew),
}

/// Seal all secrets with a new key, and forget the old one: what was sealed in a stolen backup stays readable with its key
#[derive(Debug, Args)]
struct Renew {
    #[command(flatten)]
    data: DataDir,
    /// Print JSON: one object a line
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", false);
        let What::Renew(renew) = self.what;
        let config = Config::open(&renew.data.path())?;
        let revisions = config.change_key()?;
        let operator = passwd::operator();
        config.note(&operator, passwd::ORIGIN, "renew key", "", "")?;
        if renew.json {
            output::json_line(&json!({ "revisions": revisions }))?;
        } else {
            let revisions = output::plural(revisions, "revision");
            output::line(format_args!("the secrets of {revisions} are sealed with a new key"));
        }
        Ok(Outcome::Done)
    }
}
