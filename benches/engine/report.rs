//! What is measured becomes a row: a figure, its goal, and whether it was reached. The rows are printed as a table and
//! written as JSON.

use std::path::Path;

use anyhow::Context;
use serde_json::{Map, Value as Json, json};

/// What a figure must keep to.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// It is there to be seen, or to compare with.
    None,
}

pub struct Row {
    pub group: &'static str,
    pub what: String,
    pub outcome: Outcome,
    pub goal: Goal,
    pub unit: &'static str,
    /// Ratios and parts, for the reader.
    pub notes: Vec<String>,
    /// More figures, for the file.
    pub details: Map<String, Json>,
}

pub enum Outcome {
    Figure(f64),
    /// Why there is none.
    Skipped(String),
}

impl Row {
    pub fn figure(group: &'static str, what: impl Into<String>, figure: f64, unit: &'static str) -> Row {
        Row {
            group,
            what: what.into(),
            outcome: Outcome::Figure(figure),
            goal: Goal::None,
            unit,
            notes: Vec::new(),
            details: Map::new(),
        }
    }

    pub fn skipped(group: &'static str, what: impl Into<String>, why: impl ToString) -> Row {
        Row { outcome: Outcome::Skipped(why.to_string()), ..Row::figure(group, what, 0.0, "") }
    }

    pub fn at_most(mut self, goal: f64) -> Row {
        self.goal = Goal::AtMost(goal);
        self
    }

    pub fn at_least(mut self, goal: f64) -> Row {
        self.goal = Goal::AtLeast(goal);
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Row {
        self.notes.push(note.into());
        self
    }

    pub fn detail(mut self, name: &str, value: impl Into<Json>) -> Row {
        self.details.insert(name.to_string(), value.into());
        self
    }

    fn verdict(&self) -> String {
        let reached = match (&self.outcome, self.goal) {
            (Outcome::Skipped(why), _) => return format!("skipped: {why}"),
            (_, Goal::None) => return String::new(),
            (Outcome::Figure(figure), Goal::AtMost(goal)) => *figure <= goal,
            (Outcome::Figure(figure), Goal::AtLeast(goal)) => *figure >= goal,
        };
        if reached { "reached" } else { "not reached" }.to_string()
    }

    fn cells(&self) -> [String; 4] {
        let (figure, unit) = match self.outcome {
            Outcome::Figure(figure) => (number(figure), self.unit),
            Outcome::Skipped(_) => ("-".to_string(), ""),
        };
        let goal = match self.goal {
            Goal::AtMost(goal) => format!("<= {}", short(goal)),
            Goal::AtLeast(goal) => format!(">= {}", short(goal)),
            Goal::None => String::new(),
        };
        [self.what.clone(), format!("{figure} {unit}"), goal, self.verdict()]
    }

    fn to_json(&self) -> Json {
        let (figure, skipped) = match &self.outcome {
            Outcome::Figure(figure) => (Some(*figure), None),
            Outcome::Skipped(why) => (None, Some(why)),
        };
        let (at_most, at_least) = match self.goal {
            Goal::AtMost(goal) => (Some(goal), None),
            Goal::AtLeast(goal) => (None, Some(goal)),
            Goal::None => (None, None),
        };
        let mut row = json!({"group": self.group, "what": self.what, "figure": figure, "unit": self.unit});
        if let Some(row) = row.as_object_mut() {
            let verdict = self.verdict();
            let more = [
                ("at_most", at_most.map(Json::from)),
                ("at_least", at_least.map(Json::from)),
                ("verdict", Some(verdict).filter(|v| !v.is_empty() && skipped.is_none()).map(Json::from)),
                ("skipped", skipped.map(|why| json!(why))),
                ("notes", Some(json!(self.notes)).filter(|_| !self.notes.is_empty())),
                ("details", Some(json!(self.details)).filter(|_| !self.details.is_empty())),
            ];
            row.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))));
        }
        row
    }
}

#[derive(Default)]
pub struct Report {
    pub rows: Vec<Row>,
}

impl Report {
    /// The table, and below it how many goals were reached.
    pub fn print(&self) {
        let head = ["what", "figure", "goal", "verdict"].map(str::to_string);
        let cells: Vec<[String; 4]> = self.rows.iter().map(Row::cells).collect();
        let width = |column: usize| {
            cells.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0)
        };
        // The last column has no end to keep to.
        let widths = [width(0), width(1), width(2)];
        let print = |row: &[String; 4], notes: &[String]| {
            let [what, figure, goal, verdict] = row;
            let [a, b, c] = widths;
            let notes = notes.join("; ");
            let gap = if verdict.is_empty() || notes.is_empty() { "" } else { "; " };
            println!(
                "{}",
                format!("  {what:a$}  {figure:>b$}  {goal:<c$}  {verdict}{gap}{notes}").trim_end()
            );
        };
        print(&head, &[]);
        let mut group = "";
        for (row, cells) in self.rows.iter().zip(&cells) {
            if row.group != group {
                group = row.group;
                println!("{group}");
            }
            print(cells, &row.notes);
        }
        let count = |word: &str| self.rows.iter().filter(|row| row.verdict().starts_with(word)).count();
        println!(
            "\n{} goals reached, {} not reached; {} rows skipped",
            count("reached"),
            count("not reached"),
            count("skipped")
        );
    }

    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let rows: Vec<Json> = self.rows.iter().map(Row::to_json).collect();
        let report = json!({"version": env!("CARGO_PKG_VERSION"), "machine": machine(), "rows": rows});
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        std::fs::write(path, format!("{report:#}\n")).with_context(|| path.display().to_string())
    }
}

fn machine() -> Json {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let of = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_string())
    };
    let cpu = read("/proc/cpuinfo");
    json!({
        "cpu": of(&cpu, "model name").or_else(|| of(&cpu, "Model")),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "arch": std::env::consts::ARCH,
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").split(' ').next(),
    })
}

/// Three digits that mean something.
fn number(n: f64) -> String {
    match n.abs() {
        n if n >= 100.0 => format!("{:.0}", n.copysign(1.0)),
        n if n >= 10.0 => format!("{n:.1}"),
        n if n >= 1.0 => format!("{n:.2}"),
        _ => format!("{n:.3}"),
    }
}

/// A goal as it was set.
fn short(n: f64) -> String {
    format!("{n}")
}

/// A figure in a note.
pub fn say(figure: f64, unit: &str) -> String {
    format!("{} {unit}", number(figure))
}
