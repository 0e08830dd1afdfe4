//! The command line: one file a command. Exit codes: 0 done, 1 it failed, 2 wrong usage.
//!
//! Printing is what a command line is for, so the lint against it is off here and only here.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod ask;
mod broker;
mod bundle;
mod check;
mod console;
pub mod data_dir;
mod deploy;
mod doctor;
mod elsewhere;
#[cfg(feature = "mqtt")]
mod fleet;
mod generate;
mod heal;
mod https;
mod keys;
mod log;
mod logging;
mod nodes;
mod outbox;
mod output;
mod passwd;
mod process;
mod remote;
mod revisions;
mod run;
pub mod settings;
mod signals;
mod status;
mod stored;
mod test;
mod token;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A gateway for edge boards: runs visually wired flows and loses nothing.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Start with `tidegate run`: without a flow it runs a demo on a simulated site.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Run>),
    Status(status::Status),
    Doctor(doctor::Doctor),
    Check(check::Check),
    Test(test::Test),
    Log(log::Log),
    Outbox(outbox::Outbox),
    Deploy(Box<deploy::Deploy>),
    Revisions(revisions::Revisions),
    Diff(revisions::DiffCommand),
    Rollback(deploy::Rollback),
    Bundle(Box<bundle::Bundle>),
    #[cfg(feature = "mqtt")]
    Fleet(Box<fleet::Fleet>),
    Passwd(passwd::Passwd),
    Token(token::Token),
    Keys(keys::Keys),
    Nodes(nodes::Nodes),
    Generate(generate::Generate),
}

/// What a command ends with when nothing broke: whether what it looked at is well.
pub enum Outcome {
    Done,
    Failed,
}

/// Runs the command that the arguments name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, not mistakes; clap knows which stream each belongs on.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = match arguments.command {
        Command::Run(run) => run.run(),
        Command::Status(status) => status.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Check(check) => check.run(),
        Command::Test(test) => test.run(),
        Command::Log(log) => log.run(),
        Command::Outbox(outbox) => outbox.run(),
        Command::Deploy(deploy) => deploy.run(),
        Command::Revisions(revisions) => revisions.run(),
        Command::Diff(diff) => diff.run(),
        Command::Rollback(rollback) => rollback.run(),
        Command::Bundle(bundle) => bundle.run(),
        #[cfg(feature = "mqtt")]
        Command::Fleet(fleet) => fleet.run(),
        Command::Passwd(passwd) => passwd.run(),
        Command::Token(token) => token.run(),
        Command::Keys(keys) => keys.run(),
        Command::Nodes(nodes) => nodes.run(),
        Command::Generate(generate) => generate.run(),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}
