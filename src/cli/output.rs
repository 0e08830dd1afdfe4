//! What several commands print in the same way.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::flow::{Problem, Severity};

/// One JSON object a line.
pub fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    line(format_args!("{}", serde_json::to_string(value)?));
    Ok(())
}

/// A line on standard output. When nobody reads it any more (`tidegate nodes | head`) there is nothing left to do.
pub fn line(text: std::fmt::Arguments<'_>) {
    print(format_args!("{text}\n"));
}

/// Text on standard output, as it stands.
pub fn print(text: std::fmt::Arguments<'_>) {
    if let Err(error) = std::io::stdout().write_fmt(text) {
        let code = if error.kind() == std::io::ErrorKind::BrokenPipe { 0 } else { 1 };
        std::process::exit(code);
    }
}

/// The problems of a document, worst first, and a last line that counts them.
pub fn problems(file: &str, problems: &[Problem]) {
    for problem in problems {
        eprintln!("{file}: {problem}");
    }
}

/// `1 error, 2 warnings`.
pub fn count(problems: &[Problem]) -> String {
    let parts: Vec<String> =
        [(Severity::Error, "error"), (Severity::Disabled, "disabled node"), (Severity::Warning, "warning")]
            .into_iter()
            .filter_map(|(severity, word)| {
                let count = problems.iter().filter(|problem| problem.severity == severity).count();
                (count > 0).then(|| plural(count, word))
            })
            .collect();
    if parts.is_empty() { "no problems".to_string() } else { parts.join(", ") }
}

pub fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// A line on a terminal that is written over while something long goes on; nothing where there is no terminal.
pub struct Progress {
    on: bool,
    shown: bool,
}

impl Progress {
    pub fn new() -> Progress {
        Progress { on: std::io::stderr().is_terminal(), shown: false }
    }

    pub fn show(&mut self, text: &str) {
        if self.on {
            eprint!("\r\x1b[2K{text}");
            // A terminal that does not take it shows no progress; nothing depends on it.
            let _ = std::io::stderr().flush();
            self.shown = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[2K");
        }
    }
}
