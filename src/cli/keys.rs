//! `tidegate keys`: the key that seals secrets, and the keys that deploys from elsewhere are signed with.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::data_dir::DataDir;
use super::{Outcome, logging, output, passwd};
use crate::config::Config;
use crate::remote::key::{PrivateKey, PublicKey};
use crate::remote::trust::Trust;

/// See to keys: those that bundles for deploys are signed with, and the one that seals the secrets of flows
///
/// Whoever holds the private half of a trusted key can deploy to this gateway, over MQTT or by a file that it pulls. Without a
/// trusted key that is off. A running gateway sees each change by itself.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    New(New),
    Trust(TrustKey),
    Ls(Ls),
    Forget(Forget),
    Renew(Renew),
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    data: DataDir,
    /// Print JSON: one object a line
    #[arg(long)]
    json: bool,
}

impl Keys {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", false);
        match self.what {
            What::New(new) => new.run()?,
            What::Trust(trust) => trust.run()?,
            What::Ls(ls) => ls.run()?,
            What::Forget(forget) => forget.run()?,
            What::Renew(renew) => renew.run()?,
        }
        Ok(Outcome::Done)
    }
}

/// Make a key to sign bundles with, and print the line by which gateways trust it
#[derive(Debug, Args)]
struct New {
    /// Where the private half goes; it stays on this machine, and nobody else may read it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the key is called; without it, what its file is called
    #[arg(long)]
    name: Option<String>,
}

impl New {
    fn run(self) -> anyhow::Result<()> {
        let stem = || self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = self.name.clone().or_else(stem).unwrap_or_default();
        // Before the file is made: a key without a name could not be trusted.
        PublicKey::of_line(&format!("{} {name}", PublicKey([0; 32]).text()))?;
        let key = PrivateKey::create(&self.file).context("the key cannot be written")?;
        eprintln!("{} has the private key; trust the public one on each gateway:", self.file.display());
        // It alone is on standard output: a script takes it as it is.
        output::line(format_args!("{} {name}", key.public().text()));
        Ok(())
    }
}

/// Let bundles in that are signed with a key
#[derive(Debug, Args)]
struct TrustKey {
    /// The line that `tidegate keys new` has printed, in quotes: "ed25519 KEY NAME"
    // Hyphens are let through: a private key given by mistake must not stand in an error about arguments.
    #[arg(value_name = "LINE", allow_hyphen_values = true)]
    line: String,
    #[command(flatten)]
    common: Common,
}

impl TrustKey {
    fn run(self) -> anyhow::Result<()> {
        let (key, name) = PublicKey::of_line(&self.line)?;
        let directory = self.common.data.path();
        // Opened first, so that the data directory is there and is one.
        let config = Config::open(&directory)?;
        let is_new = Trust::of(&directory).add(key, &name)?;
        if is_new {
            config.note(&passwd::operator(), passwd::ORIGIN, "trust key", &name, &key.text())?;
        }
        if self.common.json {
            return output::json_line(&json!({ "name": name, "key": key.text(), "new": is_new }));
        }
        let word = if is_new { "is trusted" } else { "was trusted before" };
        output::line(format_args!("\"{name}\" {word}: its bundles are deployed here"));
        Ok(())
    }
}

/// List the keys whose bundles are let in
#[derive(Debug, Args)]
struct Ls {
    #[command(flatten)]
    common: Common,
}

impl Ls {
    fn run(self) -> anyhow::Result<()> {
        let found = Trust::of(&self.common.data.path()).read()?;
        for wrong in &found.wrong {
            eprintln!("{wrong}");
        }
        if self.common.json {
            return found.keys.iter().try_for_each(|trusted| {
                output::json_line(&json!({ "name": trusted.name, "key": trusted.key.text() }))
            });
        }
        if found.keys.is_empty() {
            output::line(format_args!("no keys: nothing is deployed from elsewhere"));
            return Ok(());
        }
        let row = |trusted: &crate::remote::trust::Trusted| vec![trusted.name.clone(), trusted.key.text()];
        output::table(&["NAME", "KEY"], &found.keys.iter().map(row).collect::<Vec<_>>());
        Ok(())
    }
}

/// Let no more bundles in that are signed with a key
#[derive(Debug, Args)]
struct Forget {
    /// Its name, as `tidegate keys ls` shows it
    name: String,
    #[command(flatten)]
    common: Common,
}

impl Forget {
    fn run(self) -> anyhow::Result<()> {
        let directory = self.common.data.path();
        let config = Config::open(&directory)?;
        let Some(key) = Trust::of(&directory).forget(&self.name)? else {
            bail!("there is no key of this name: `tidegate keys ls` lists them all");
        };
        config.note(&passwd::operator(), passwd::ORIGIN, "forget key", &self.name, &key.text())?;
        if self.common.json {
            return output::json_line(&json!({ "name": self.name, "key": key.text(), "forgotten": true }));
        }
        output::line(format_args!("\"{}\" is not trusted any more", self.name));
        Ok(())
    }
}

/// Seal all secrets with a new key, and forget the old one: what was sealed in a stolen backup stays readable with its key
#[derive(Debug, Args)]
struct Renew {
    #[command(flatten)]
    common: Common,
}

impl Renew {
    fn run(self) -> anyhow::Result<()> {
        let config = Config::open(&self.common.data.path())?;
        let revisions = config.change_key()?;
        config.note(&passwd::operator(), passwd::ORIGIN, "renew key", "", "")?;
        if self.common.json {
            return output::json_line(&json!({ "revisions": revisions }));
        }
        let revisions = output::plural(revisions, "revision");
        output::line(format_args!("the secrets of {revisions} are sealed with a new key"));
        Ok(())
    }
}
