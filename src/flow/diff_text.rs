//! A diff as a person reads it.

use std::fmt;

use serde_json::Value as Json;

use super::diff::{Change, Diff, NodeDiff, PropertyChange};
use super::text::{plain, quoted, shown};

/// ```text
/// added    change "unit" (c3d4) on "Boiler"
/// changed  switch "Alarm 312?" (a1b2) on "Boiler"
///            rules/0/v: 311 -> 312
///            output 1 now leads to mqtt out "uplink" (m1)
/// ```
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes.is_empty() {
            return f.write_str("no changes\n");
        }
        for node in &self.nodes {
            write!(f, "{node}")?;
        }
        Ok(())
    }
}

impl fmt::Display for NodeDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8} {}", self.change.name(), plain(&self.type_name))?;
        if !self.name.is_empty() {
            write!(f, " {}", quoted(&self.name))?;
        }
        write!(f, " ({})", plain(&self.id))?;
        if let Some(place) = &self.place {
            write!(f, " on {}", quoted(place))?;
        }
        f.write_str("\n")?;
        for property in &self.properties {
            writeln!(f, "{INDENT}{property}")?;
        }
        for wire in &self.wires {
            let leads = if wire.added { "now leads to" } else { "no longer leads to" };
            writeln!(f, "{INDENT}output {} {leads} {}", wire.output + 1, wire.to_name)?;
        }
        if self.change == Change::Rewired && self.wires.is_empty() {
            writeln!(f, "{INDENT}its wires are in another order")?;
        }
        Ok(())
    }
}

const INDENT: &str = "           ";

impl Change {
    pub const fn name(self) -> &'static str {
        match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
            Change::Rewired => "rewired",
            Change::Moved => "moved",
        }
    }
}

impl fmt::Display for PropertyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", plain(self.pointer.trim_start_matches('/')))?;
        match (&self.old, &self.new) {
            _ if self.secret => f.write_str("changed (a secret)"),
            (Some(Json::String(old)), Some(Json::String(new)))
                if old.contains('\n') || new.contains('\n') =>
            {
                lines(f, old, new)
            }
            (Some(old), Some(new)) => write!(f, "{} -> {}", shown(old), shown(new)),
            (None, Some(new)) => write!(f, "now {}", shown(new)),
            (Some(old), None) => write!(f, "gone, was {}", shown(old)),
            (None, None) => f.write_str("changed"),
        }
    }
}

/// Of a text of several lines, the first that differs and how many do.
fn lines(f: &mut fmt::Formatter<'_>, old: &str, new: &str) -> fmt::Result {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (gone, come) = (old_rest.len() - end, new_rest.len() - end);
    let count = |n: usize| if n == 1 { "1 line".to_string() } else { format!("{n} lines") };
    match (old_rest.first().filter(|_| gone > 0), new_rest.first().filter(|_| come > 0)) {
        (Some(old), Some(new)) => {
            write!(f, "line {}: {} -> {}", start + 1, quoted(old), quoted(new))?;
            match gone.max(come) - 1 {
                0 => Ok(()),
                more => write!(f, ", and {} more", count(more)),
            }
        }
        (None, Some(new)) => write!(f, "{} added at line {}: {}", count(come), start + 1, quoted(new)),
        (Some(old), None) => write!(f, "{} gone from line {}: {}", count(gone), start + 1, quoted(old)),
        (None, None) => f.write_str("its line ends changed"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::model::{Document, Limits};
    use super::*;

    fn document(json: Json) -> Document {
        Document::from_json(json, &Limits::default()).unwrap()
    }

    fn flow() -> Json {
        json!([
            {"id": "t1", "type": "tab", "label": "Boiler"},
            {"id": "a1b2", "type": "switch", "name": "Alarm 312?", "z": "t1", "x": 100, "y": 40,
             "rules": [{"t": "eq", "v": "311", "vt": "num"}], "wires": [["m1"]]},
            {"id": "f", "type": "function", "z": "t1", "func": "let a = 1;\nlet b = 2;\nmsg", "wires": [["m1"]]},
            {"id": "m1", "type": "mqtt out", "name": "uplink", "z": "t1", "wires": [],
             "credentials": {"password": "hidden-one"}}
        ])
    }

    fn text(change: impl FnOnce(&mut Json)) -> String {
        let mut new = flow();
        change(&mut new);
        Diff::between(&document(flow()), &document(new)).to_string()
    }

    #[test]
    fn nothing() {
        assert_eq!(text(|_| ()), "no changes\n");
    }

    #[test]
    fn a_property() {
        let text = text(|flow| flow[1]["rules"][0]["v"] = json!("312"));
        assert_eq!(
            text,
            "changed  switch \"Alarm 312?\" (a1b2) on \"Boiler\"\n           rules/0/v: \"311\" -> \"312\"\n"
        );
    }

    #[test]
    fn a_rule_put_in_front_is_one_change() {
        let rule = json!({"t": "nnull"});
        let text = text(|flow| flow[1]["rules"].as_array_mut().unwrap().insert(0, rule));
        assert!(text.ends_with("           rules/0: now {\"t\":\"nnull\"}\n"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn wires_and_places() {
        let moved = text(|flow| flow[1]["x"] = json!(300));
        assert_eq!(moved, "moved    switch \"Alarm 312?\" (a1b2) on \"Boiler\"\n");
        let rewired = text(|flow| flow[1]["wires"] = json!([["f"], ["m1"]]));
        assert_eq!(
            rewired,
            "rewired  switch \"Alarm 312?\" (a1b2) on \"Boiler\"\n           \
             output 1 no longer leads to mqtt out \"uplink\" (m1)\n           \
             output 1 now leads to function (f)\n           \
             output 2 now leads to mqtt out \"uplink\" (m1)\n"
        );
    }

    #[test]
    fn nodes_and_tabs() {
        let text = text(|flow| {
            flow[0]["label"] = json!("Boiler house");
            let nodes = flow.as_array_mut().unwrap();
            nodes.remove(2);
            nodes.push(json!({"id": "n", "type": "debug", "z": "t1"}));
        });
        assert_eq!(
            text,
            "removed  function (f) on \"Boiler\"\n\
             changed  tab \"Boiler house\" (t1)\n           label: \"Boiler\" -> \"Boiler house\"\n\
             added    debug (n) on \"Boiler house\"\n"
        );
    }

    #[test]
    fn scripts_show_the_line() {
        let text = text(|flow| flow[2]["func"] = json!("let a = 1;\nlet b = 3;\nmsg"));
        assert!(text.contains("func: line 2: \"let b = 2;\" -> \"let b = 3;\"\n"), "{text}");
    }

    #[test]
    fn secrets_are_not_told() {
        let change = |flow: &mut Json| flow[3]["credentials"]["password"] = json!("hidden-two");
        assert!(text(change).contains("credentials/password: changed (a secret)"));
        let mut new = flow();
        change(&mut new);
        let diff = Diff::between(&document(flow()), &document(new));
        let all = format!("{diff:?} {}", serde_json::to_string(&diff).unwrap());
        assert!(!all.contains("hidden"), "{all}");
        let gone = text(|flow| {
            flow[3].as_object_mut().unwrap().remove("credentials");
        });
        assert!(!gone.contains("hidden"), "{gone}");
    }
}
