//! `tidegate bundle`: flows and what goes with them as one signed file.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tidegate_nodes::date;

use super::{Outcome, logging, output, passwd, stored};
use crate::flow::{self, Document, Limits};
use crate::remote::bundle;
use crate::remote::contents::{Contents, Kind, LONGEST_PROBATION, PROBATION, is_env_name};
use crate::remote::key::PrivateKey;

/// Make a signed bundle of a flow, for gateways that trust the key
///
/// It is one file, for `tidegate fleet deploy` or for a web server that gateways pull from. It is signed and not encrypted: secrets
/// do not go into it. A gateway keeps those that it has.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Bundle {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    make: Option<Make>,
}

#[derive(Debug, Subcommand)]
enum What {
    Show(Show),
}

#[derive(Debug, Args)]
struct Make {
    /// The flow
    #[arg(value_name = "FLOWS.json", required = true)]
    flows: PathBuf,
    /// The private key of `tidegate keys new`
    #[arg(long, value_name = "FILE", required = true)]
    key: PathBuf,
    /// Where the bundle goes
    #[arg(short, long, value_name = "FILE", required = true)]
    output: PathBuf,
    /// A value for ${NAME} in the flow; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// A script module that functions of the flow import by the name of its file; may be repeated
    #[arg(long, value_name = "FILE")]
    module: Vec<PathBuf>,
    /// The gateways that it is for: a name, or a pattern such as site-*; may be repeated; without it, any
    #[arg(long = "for", value_name = "NAME")]
    gateways: Vec<String>,
    /// Which of several bundles is the newest; without it, the time in milliseconds since 1970
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    sequence: Option<i64>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Who makes it; without it, who runs this command
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Seconds until it counts as healthy
    #[arg(long, value_name = "SECONDS", default_value_t = PROBATION, value_parser = clap::value_parser!(u32).range(1..=LONGEST_PROBATION as i64))]
    probation: u32,
    /// Restart what changed, what is wired to it too, or everything
    #[arg(long = "type", value_name = "nodes|flows|full", default_value = "nodes", value_parser = kind)]
    kind: Kind,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Bundle {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", false);
        match (self.what, self.make) {
            (Some(What::Show(show)), _) => show.run(),
            (None, Some(make)) => make.run(),
            (None, None) => bail!("name a flow, or a bundle to show"),
        }
    }
}

impl Make {
    fn run(self) -> anyhow::Result<Outcome> {
        let name = self.flows.display().to_string();
        let mut document = match Document::read(&self.flows, &Limits::default()) {
            Ok(document) => document,
            Err(problems) => {
                output::problems(&name, &problems);
                return Ok(Outcome::Failed);
            }
        };
        let secrets = flow::split(&mut document);
        if !secrets.is_empty() {
            let nodes: Vec<&str> = secrets.nodes().collect();
            bail!(
                "{name} has secrets (of {}), and a bundle can be read by everybody who can reach the broker or the server: take \
                 them out. A gateway keeps those that it has; `tidegate deploy` brings new ones",
                nodes.join(", ")
            );
        }
        let contents = Contents {
            sequence: self.sequence.unwrap_or_else(stored::now_ms),
            gateways: self.gateways,
            flows: serde_json::from_str(&document.to_json())?,
            env: self.env.into_iter().collect(),
            modules: modules(&self.module)?,
            why: self.why,
            who: self.who.unwrap_or_else(passwd::operator),
            probation: self.probation,
            deployment: self.kind,
        };
        contents.check()?;
        if let Some(unused) = contents.unused_modules().first() {
            bail!("no function of {name} imports the module \"{unused}\": import \"{unused}\" as m;");
        }
        let key = PrivateKey::read(&self.key)?;
        let bytes = bundle::sign(&contents, &key)?;
        write(&self.output, &bytes).with_context(|| format!("cannot write {}", self.output.display()))?;
        let id = bundle::id_of(&bundle::hash_of(&bytes));
        if self.json {
            let (size, sequence) = (bytes.len(), contents.sequence);
            output::json_line(
                &json!({ "id": id, "sequence": sequence, "bytes": size, "file": self.output }),
            )?;
        } else {
            output::line(format_args!(
                "{}: bundle {id}, {}, sequence {}",
                self.output.display(),
                output::size(bytes.len() as u64),
                contents.sequence
            ));
        }
        Ok(Outcome::Done)
    }
}

/// Check a bundle, and show what is in it
#[derive(Debug, Args)]
struct Show {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON, with the flows
    #[arg(long)]
    json: bool,
}

impl Show {
    fn run(self) -> anyhow::Result<Outcome> {
        let bytes = read(&self.file)?;
        let found = bundle::open(&bytes).with_context(|| self.file.display().to_string())?;
        let (contents, id) = (found.contents, bundle::id_of(&bundle::hash_of(&bytes)));
        if self.json {
            let mut object = serde_json::to_value(&contents)?;
            object["id"] = json!(id);
            object["key"] = json!(found.key.text());
            object["bytes"] = json!(bytes.len());
            output::json_line(&object)?;
            return Ok(Outcome::Done);
        }
        let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>().join(", ");
        let gateways = match contents.gateways.as_slice() {
            [] => "any".to_string(),
            some => some.join(", "),
        };
        // A time, unless somebody counts.
        let sequence = match contents.sequence {
            ms @ 1_000_000_000_000.. => format!("{ms} ({})", date::iso(ms)),
            number => number.to_string(),
        };
        let nodes = contents.document()?.nodes.len();
        let rows = [
            ("bundle", id),
            ("signed with", found.key.text()),
            ("sequence", sequence),
            ("gateways", gateways),
            ("flows", format!("{nodes} nodes, tabs and groups")),
            ("env", names(contents.env.keys().collect())),
            ("modules", names(contents.modules.keys().collect())),
            ("who", contents.who),
            ("why", contents.why),
            ("probation", format!("{} s", contents.probation)),
        ];
        for (what, text) in rows.iter().filter(|(_, text)| !text.is_empty()) {
            output::line(format_args!("{what:<12} {text}"));
        }
        Ok(Outcome::Done)
    }
}

/// A bundle from a file, whole but not checked.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut bytes = Vec::new();
    // One byte more than there may be, so that a longer one is told from a whole one.
    file.take(bundle::LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A web server may be giving it out meanwhile: whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let new = path.with_file_name(format!(".{name}.new"));
    let written = std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

fn modules(files: &[PathBuf]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut modules = BTreeMap::new();
    for file in files {
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let source =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        if modules.insert(name.clone(), source).is_some() {
            bail!("there are two modules with the name \"{name}\"");
        }
    }
    Ok(modules)
}

fn variable(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').context("expected NAME=VALUE")?;
    if !is_env_name(name) {
        bail!("{name:?} is no name of a variable: letters, digits and underscores");
    }
    Ok((name.to_string(), value.to_string()))
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "nodes" => Ok(Kind::Nodes),
        "flows" => Ok(Kind::Flows),
        "full" => Ok(Kind::Full),
        _ => Err("expected nodes, flows or full".to_string()),
    }
}
