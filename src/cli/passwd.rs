//! `tidegate passwd`: users, their passwords and roles.

use anyhow::Context;
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::data_dir::DataDir;
use super::{Outcome, ask, logging, output};
use crate::config::{By, Config, Hashed, NewUser, Role, User, check_name, check_password};

/// Add a user, or set the password or role of one
///
/// Works beside a running gateway, which sees the change at once; a new password ends all sessions of the user. With only
/// --role or --payloads a user who is there keeps the password.
#[derive(Debug, Args)]
pub struct Passwd {
    /// The user
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    name: Option<String>,
    /// dashboard, viewer, editor or admin; the default for a new user: admin for the first, else viewer
    #[arg(long, value_name = "ROLE")]
    role: Option<Role>,
    /// Show message contents to this user; --payloads=no takes it back
    #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    #[arg(value_parser = ["yes", "no"])]
    payloads: Option<String>,
    /// Read the password as a line of standard input
    #[arg(long)]
    stdin: bool,
    /// Remove the user, and end all their sessions
    #[arg(long, conflicts_with_all = ["role", "payloads", "stdin"])]
    remove: bool,
    /// List all users
    #[arg(long, conflicts_with_all = ["role", "payloads", "stdin", "remove"])]
    list: bool,
    #[command(flatten)]
    data: DataDir,
    /// Print JSON: one object a line
    #[arg(long)]
    json: bool,
}

/// For the audit.
pub const ORIGIN: &str = "command line";

/// Who types, as far as the system knows.
pub fn operator() -> String {
    let uid = rustix::process::getuid();
    if uid.is_root() { "root".to_string() } else { format!("uid {}", uid.as_raw()) }
}

impl Passwd {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", false);
        let config = Config::open(&self.data.path())?;
        if self.list {
            return self.list(&config);
        }
        let name = self.name.as_deref().context("name a user")?;
        // Before anything is asked.
        check_name(name)?;
        let operator = operator();
        let by = By { who: &operator, origin: ORIGIN };
        if self.remove {
            let tokens = config.remove_user(name, by)?;
            return self.tell(name, "removed", None, tokens);
        }
        let payloads = self.payloads.as_deref().map(|word| word == "yes");
        match config.user(name)? {
            None => {
                let first = if config.has_admin()? { Role::Viewer } else { Role::Admin };
                let role = self.role.unwrap_or(first);
                let password = Hashed::of(&self.password(name)?)?;
                let new = NewUser { name, role, sees_payloads: payloads.unwrap_or(false) };
                config.add_user(&new, &password, by)?;
            }
            Some(_) => {
                let only_rights = !self.stdin && (self.role.is_some() || payloads.is_some());
                // Asked for first: what is refused then has changed nothing.
                let password = match only_rights {
                    true => None,
                    false => Some(Hashed::of(&self.password(name)?)?),
                };
                config.change_user(name, self.role, payloads, by)?;
                if let Some(password) = password {
                    config.set_password(name, &password, None, by)?;
                    let user = config.user(name)?.map(|(user, _)| user);
                    return self.tell(name, "has a new password", user, 0);
                }
            }
        }
        let user = config.user(name)?.map(|(user, _)| user);
        self.tell(name, "is set", user, 0)
    }

    fn password(&self, name: &str) -> anyhow::Result<Zeroizing<String>> {
        let password = if self.stdin { ask::line()? } else { ask::twice(&format!("password for {name}"))? };
        check_password(&password)?;
        Ok(password)
    }

    fn tell(&self, name: &str, did: &str, user: Option<User>, tokens: usize) -> anyhow::Result<Outcome> {
        if self.json {
            match user {
                Some(user) => output::json_line(&user)?,
                None => output::json_line(&json!({ "name": name, "removed": true, "tokens_left": tokens }))?,
            }
            return Ok(Outcome::Done);
        }
        let rights = user.map(|user| format!(": {}", rights(&user))).unwrap_or_default();
        output::line(format_args!("{name} {did}{rights}"));
        if tokens > 0 {
            let tokens = output::plural(tokens, "token");
            output::line(format_args!(
                "{tokens} that {name} made still work; `tidegate token ls` lists them"
            ));
        }
        Ok(Outcome::Done)
    }

    fn list(&self, config: &Config) -> anyhow::Result<Outcome> {
        let users = config.users()?;
        if self.json {
            users.iter().try_for_each(output::json_line)?;
            return Ok(Outcome::Done);
        }
        if users.is_empty() {
            output::line(format_args!("no users; `tidegate passwd NAME` adds an admin"));
            return Ok(Outcome::Done);
        }
        let yes = |yes| if yes { "yes" } else { "no" }.to_string();
        let rows: Vec<Vec<String>> = users
            .into_iter()
            .map(|user| vec![user.name, user.role.to_string(), yes(user.sees_payloads)])
            .collect();
        output::table(&["NAME", "ROLE", "SEES PAYLOADS"], &rows);
        Ok(Outcome::Done)
    }
}

fn rights(user: &User) -> String {
    format!("{}{}", user.role, if user.sees_payloads { ", sees payloads" } else { "" })
}
