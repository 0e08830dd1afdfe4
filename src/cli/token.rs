//! `tidegate token`: tokens by which machines use the gateway.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;
use tidegate_nodes::date;

use super::data_dir::DataDir;
use super::{Outcome, logging, output, passwd, stored};
use crate::config::{By, Config, Kind, NewToken, Scope, Token as Stored};

/// Make, list and revoke the tokens of machines
///
/// Works beside a running gateway, which sees each change at once.
#[derive(Debug, Args)]
pub struct Token {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Create(Create),
    Ls(Ls),
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    data: DataDir,
    /// Print JSON: one object a line
    #[arg(long)]
    json: bool,
}

impl Token {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", false);
        match self.what {
            What::Create(create) => create.run(),
            What::Ls(ls) => ls.run(),
            What::Revoke(revoke) => revoke.run(),
        }
    }
}

/// Make a token. It is printed once, and cannot be shown again
#[derive(Debug, Args)]
struct Create {
    /// What it is called: the machine, or what it does
    name: String,
    /// What it is for: read, deploy, inject, admin, metrics, payloads (message contents) or dashboard (to see and use it); may be repeated
    #[arg(long, value_name = "SCOPE", required = true)]
    scope: Vec<Scope>,
    /// How long it lasts, such as 90d or 12h; without it, until it is revoked
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires: Option<i64>,
    #[command(flatten)]
    common: Common,
}

impl Create {
    fn run(self) -> anyhow::Result<Outcome> {
        let config = Config::open(&self.common.data.path())?;
        let (now, operator) = (stored::now_ms(), passwd::operator());
        let new = NewToken {
            name: &self.name,
            scopes: self.scope.into_iter().collect(),
            expires_ms: self.expires.map(|ms| now.saturating_add(ms)),
        };
        let by = By { who: &operator, origin: passwd::ORIGIN };
        let (token, secret) = config.create_token(&new, now, by)?;
        if self.common.json {
            let mut object = serde_json::to_value(&token)?;
            object["secret"] = json!(secret.text());
            output::json_line(&object)?;
        } else {
            // The secret alone is on standard output: a script takes it as it is.
            eprintln!("token {} ({}), shown this once:", token.name, token.id);
            output::line(format_args!("{}", secret.text()));
        }
        Ok(Outcome::Done)
    }
}

/// List tokens, and the sessions of people who are logged in
#[derive(Debug, Args)]
struct Ls {
    #[command(flatten)]
    common: Common,
}

impl Ls {
    fn run(self) -> anyhow::Result<Outcome> {
        let tokens = Config::open(&self.common.data.path())?.tokens()?;
        if self.common.json {
            tokens.iter().try_for_each(output::json_line)?;
            return Ok(Outcome::Done);
        }
        if tokens.is_empty() {
            output::line(format_args!("no tokens"));
            return Ok(Outcome::Done);
        }
        let now = stored::now_ms();
        let rows: Vec<Vec<String>> = tokens.iter().map(|token| row(token, now)).collect();
        output::table(&["ID", "KIND", "NAME", "OF", "SCOPES", "LAST USED", "ENDS"], &rows);
        Ok(Outcome::Done)
    }
}

fn row(token: &Stored, now: i64) -> Vec<String> {
    let (kind, ends) = match (token.kind, token.ends_ms()) {
        (Kind::Session, ends) => ("session", date::iso(ends)),
        (Kind::Token, i64::MAX) => ("token", "never".to_string()),
        (Kind::Token, ends) if ends <= now => ("token", format!("{}, expired", date::iso(ends))),
        (Kind::Token, ends) => ("token", date::iso(ends)),
    };
    let used = match token.used_ms {
        0 => "never".to_string(),
        ms => format!("{} ago", output::age(now.saturating_sub(ms))),
    };
    vec![
        token.id.clone(),
        kind.to_string(),
        token.name.clone(),
        token.owner.clone(),
        token.scopes.to_string(),
        used,
        ends,
    ]
}

/// End a token, or a session, at once
#[derive(Debug, Args)]
struct Revoke {
    /// Its id, as `tidegate token ls` shows it
    id: String,
    #[command(flatten)]
    common: Common,
}

impl Revoke {
    fn run(self) -> anyhow::Result<Outcome> {
        let config = Config::open(&self.common.data.path())?;
        let operator = passwd::operator();
        // Who gives the secret in place of the id finds it in no message.
        let Some(token) = config.revoke(&self.id, By { who: &operator, origin: passwd::ORIGIN })? else {
            bail!("there is no token with this id: `tidegate token ls` lists them all");
        };
        if self.common.json {
            output::json_line(&json!({ "id": token.id, "name": token.name, "revoked": true }))?;
        } else {
            output::line(format_args!("{} ({}) is revoked", token.name, token.id));
        }
        Ok(Outcome::Done)
    }
}

fn span(text: &str) -> anyhow::Result<i64> {
    date::parse_span(text).filter(|ms| *ms > 0).context("a time is a number with s, m, h or d, such as 90d")
}
