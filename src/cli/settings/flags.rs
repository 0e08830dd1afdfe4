//! Settings on the command line: a flag for each setting of the table, so that none is written down twice.

use std::collections::BTreeMap;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::table::{Kind, SETTINGS, Setting};

/// What was said by flags, by the names of settings.
#[derive(Debug, Clone, Default)]
pub struct Flags(BTreeMap<&'static str, String>);

impl Flags {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    #[cfg(test)]
    pub fn with(name: &'static str, value: &str) -> Flags {
        Flags([(name, value.to_string())].into())
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let expected = || setting.kind.expected();
    // One that may hold a password is looked at later: a message from here would show it.
    let is_late = matches!(setting.kind, Kind::Text { .. });
    let parser = ValueParser::from(move |text: &str| match is_late || setting.kind.takes(text) {
        true => Ok(text.to_string()),
        false => Err(format!("expected {}", expected())),
    });
    let flag = Arg::new(setting.name)
        .long(setting.name.replace('_', "-"))
        .help(setting.help)
        .help_heading("Settings, also in tidegate.toml and as TIDEGATE_NAME in the environment")
        .value_name(setting.kind.value_name())
        .value_parser(parser)
        .action(ArgAction::Set);
    match setting.kind {
        // A switch is on when it is named.
        Kind::Switch => flag.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => flag,
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(SETTINGS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS {
            let given = matches.try_get_one::<String>(setting.name);
            let given = given.map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, error))?;
            if let Some(text) = given {
                self.0.insert(setting.name, text.clone());
            }
        }
        Ok(())
    }
}
