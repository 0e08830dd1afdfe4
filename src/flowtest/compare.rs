//! Whether what came is what was expected, and if not, where they differ.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

/// What is bound while one case is compared: the same `<id:N>` stands for the same text everywhere.
#[derive(Default)]
pub struct Compare<'c> {
    pub loose: &'c [String],
    pub ignore: &'c [String],
    ids: HashMap<String, String>,
}

impl<'c> Compare<'c> {
    pub fn new(loose: &'c [String], ignore: &'c [String]) -> Compare<'c> {
        Compare { loose, ignore, ids: HashMap::new() }
    }

    /// Compares a message; `exactly` allows no properties that are not named. The error says where they differ.
    pub fn message(
        &mut self,
        want: &Map<String, Json>,
        got: &Map<String, Json>,
        exactly: bool,
    ) -> Result<(), String> {
        for (key, want) in want {
            if key == "_msgid" || self.ignore.contains(key) {
                continue;
            }
            match got.get(key) {
                Some(got) => self.value(want, got, key)?,
                None => return Err(format!("{key} is missing")),
            }
        }
        let extra =
            got.keys().find(|key| !want.contains_key(*key) && *key != "_msgid" && !self.ignore.contains(key));
        match extra {
            Some(key) if exactly => Err(format!("{key} should not be there")),
            _ => Ok(()),
        }
    }

    pub fn value(&mut self, want: &Json, got: &Json, path: &str) -> Result<(), String> {
        let named = |paths: &[String]| paths.iter().any(|p| p == path);
        if named(self.ignore) || named(self.loose) {
            return Ok(());
        }
        let differs = || Err(format!("{path} is {got}, expected {want}"));
        match (want, got) {
            (Json::String(want), got) if want.starts_with("<id:") && want.ends_with('>') => {
                let Json::String(got) = got else { return differs() };
                let bound = self.ids.entry(want.clone()).or_insert_with(|| got.clone());
                if bound == got { Ok(()) } else { differs() }
            }
            (Json::String(want), got) if want == "<now>" => match got {
                Json::Number(n) if n.as_i64().is_some() => Ok(()),
                _ => differs(),
            },
            (Json::String(want), Json::String(got)) if want == "<now-iso>" => {
                let date = got.len() >= 20 && got.as_bytes()[10] == b'T' && got[..4].parse::<u16>().is_ok();
                if date { Ok(()) } else { differs() }
            }
            (Json::Number(want), Json::Number(got)) => {
                let same = match (want.as_i64(), got.as_i64()) {
                    (Some(want), Some(got)) => want == got,
                    _ => want.as_f64() == got.as_f64(),
                };
                if same { Ok(()) } else { differs() }
            }
            (Json::Array(wants), Json::Array(gots)) => {
                if wants.len() != gots.len() {
                    return differs();
                }
                wants
                    .iter()
                    .zip(gots)
                    .enumerate()
                    .try_for_each(|(n, (want, got))| self.value(want, got, &format!("{path}[{n}]")))
            }
            (Json::Object(wants), Json::Object(gots)) => {
                for (key, want) in wants {
                    let path = format!("{path}.{key}");
                    if self.ignore.contains(&path) {
                        continue;
                    }
                    match gots.get(key) {
                        Some(got) => self.value(want, got, &path)?,
                        None => return Err(format!("{path} is missing")),
                    }
                }
                let extra = gots
                    .keys()
                    .find(|key| !wants.contains_key(*key) && !self.ignore.contains(&format!("{path}.{key}")));
                match extra {
                    Some(key) => Err(format!("{path}.{key} should not be there: {}", gots[key])),
                    None => Ok(()),
                }
            }
            _ if want == got => Ok(()),
            _ => differs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compare(want: Json, got: Json) -> Result<(), String> {
        let (Json::Object(want), Json::Object(got)) = (want, got) else { panic!("objects") };
        let (loose, ignore) = (["error.message".to_string()], ["_event".to_string()]);
        Compare::new(&loose, &ignore).message(&want, &got, false)
    }

    #[test]
    fn says_where_they_differ() {
        assert_eq!(compare(json!({"a": 1}), json!({"a": 1.0, "more": 2})), Ok(()));
        let differs = compare(json!({"a": {"b": [1, 2]}}), json!({"a": {"b": [1, 3]}}));
        assert_eq!(differs.unwrap_err(), "a.b[1] is 3, expected 2");
        assert!(compare(json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 2}})).is_err());
        assert!(compare(json!({"a": 1}), json!({})).is_err());
    }

    #[test]
    fn placeholders_and_loose_paths() {
        let ids = json!({"x": "<id:1>", "y": "<id:1>"});
        assert_eq!(compare(ids.clone(), json!({"x": "p", "y": "p"})), Ok(()));
        assert!(compare(ids, json!({"x": "p", "y": "q"})).is_err());
        assert_eq!(
            compare(json!({"t": "<now>", "i": "<now-iso>"}), json!({"t": 1, "i": "2026-11-20T10:00:00Z"})),
            Ok(())
        );
        assert_eq!(compare(json!({"error": {"message": "a"}}), json!({"error": {"message": "b"}})), Ok(()));
        assert_eq!(compare(json!({"_event": 1}), json!({})), Ok(()));
    }
}
