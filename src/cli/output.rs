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

/// `12,345`: long numbers in groups, for people.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `12,345 messages`.
pub fn messages(count: u64) -> String {
    format!("{} message{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `1.5 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{amount:.1} {}", UNITS[unit]) }
}

/// `5 s`, `12 min`, `3 h`, `8 d`.
pub fn age(ms: i64) -> String {
    match ms.max(0) / 1_000 {
        s @ ..120 => format!("{s} s"),
        s @ ..7_200 => format!("{} min", s / 60),
        s @ ..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// Rows with their columns below each other; numbers stand on the right.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let is_number = |text: &str| text.chars().next().is_some_and(|c| c.is_ascii_digit() || c == '-');
    let width = |n: usize| {
        let cells = rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count());
        cells.chain([head[n].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let right: Vec<bool> = (0..head.len())
        .map(|n| rows.iter().all(|row| row.get(n).is_none_or(|cell| is_number(cell))) && !rows.is_empty())
        .collect();
    let write = |cells: Vec<&str>| {
        let mut text = String::new();
        for (n, cell) in cells.into_iter().enumerate() {
            let width = widths[n];
            let padded = if right[n] { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            text.push_str(&padded);
        }
        line(format_args!("{}", text.trim_end()));
    };
    write(head.to_vec());
    for row in rows {
        write(row.iter().map(String::as_str).collect());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 1_023, 1_536, 5 << 30].map(size), ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!(
            [-5, 5_000, 200_000, 9_000_000, 900_000_000].map(age),
            ["0 s", "5 s", "3 min", "2 h", "10 d"]
        );
    }
}
