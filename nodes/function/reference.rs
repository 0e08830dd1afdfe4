//! What a script can use, for completion and help in the editor. A test of the gateway runs every example; one here sees that
//! nothing which is registered for scripts is missing.

use serde::Serialize;

/// A function, or a method of a value.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Of what it is a method: `node`, `context` (`flow` and `global` have the same), `env`, `string`, `array`, `map`,
    /// `blob`, `number`; empty for a function.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub of: &'static str,
    pub name: &'static str,
    pub signatures: Vec<&'static str>,
    /// In one line.
    pub doc: &'static str,
    pub group: &'static str,
    pub example: &'static str,
    /// What the example gives, as JSON; empty where that differs each time.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub gives: &'static str,
}

/// What a script finds without having made it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Variable {
    pub name: &'static str,
    pub doc: &'static str,
}

pub const KEYWORDS: &[&str] = &[
    "as", "break", "catch", "const", "continue", "do", "else", "export", "false", "fn", "for", "if",
    "import", "in", "let", "loop", "private", "return", "switch", "throw", "true", "try", "until", "while",
];

pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "msg",
        doc: "The message: a map. Functions do not see it; give it to them as a parameter.",
    },
    Variable { name: "node", doc: "This node: sends, logs, shows a badge." },
    Variable { name: "context", doc: "What this node keeps." },
    Variable { name: "flow", doc: "What the nodes of this tab or subflow keep together." },
    Variable { name: "global", doc: "What all nodes keep together." },
    Variable { name: "env", doc: "Settings of the group, subflow, tab and gateway." },
];

const TABLE: &str = include_str!("reference.txt");

pub fn entries() -> Vec<Entry> {
    let (mut group, mut of) = ("", "");
    let mut entries = Vec::new();
    for line in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        if let Some(heading) = line.strip_prefix("== ") {
            (group, of) = heading.split_once(": ").unwrap_or((heading, ""));
            continue;
        }
        let mut columns = line.split(" | ");
        let mut column = || columns.next().unwrap_or_default().trim_end_matches(" |");
        entries.push(Entry {
            of,
            name: column(),
            signatures: column().split(" / ").collect(),
            doc: column(),
            group,
            example: column(),
            gives: column(),
        });
    }
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What the sources of this folder register under a plain name.
    fn registered() -> BTreeSet<String> {
        let sources = [
            include_str!("api.rs"),
            include_str!("bytes.rs"),
            include_str!("context.rs"),
            include_str!("map.rs"),
            include_str!("stats.rs"),
            include_str!("text.rs"),
        ];
        let mut names = BTreeSet::new();
        for source in sources {
            for begin in [
                "function(engine, \"",
                "change(engine, \"",
                "getter(engine, \"",
                "function(\n        engine,\n        \"",
            ] {
                names.extend(
                    source.split(begin).skip(1).filter_map(|rest| rest.split('"').next()).map(String::from),
                );
            }
        }
        names
    }

    #[test]
    fn nothing_that_scripts_have_is_missing() {
        let known: BTreeSet<&str> = entries().iter().map(|entry| entry.name).collect();
        let missing: Vec<String> = registered()
            .into_iter()
            .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
            .filter(|name| !known.contains(name.as_str()))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert!(registered().len() > 50, "{:?}", registered());
    }
}
