//! What stands about an entry in its first lines: `// name: Parse`.

use serde_json::Value;

use super::super::super::fault::Fault;

const MOST: usize = 64;
const LONGEST: usize = 64 * 1024;

/// What the first lines say, and the rest.
pub fn read(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut about, mut rest) = (Vec::new(), text);
    while about.len() < MOST {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let Some((key, value)) = line.strip_prefix("// ").and_then(|line| line.split_once(": ")) else {
            break;
        };
        if !is_key(key) {
            break;
        }
        about.push((key.to_string(), value.trim_end_matches('\r').to_string()));
        rest = after;
    }
    (about, rest)
}

/// An entry as a file: `text`, with everything else in front of it.
pub fn write(sent: Value) -> Result<String, Fault> {
    let Value::Object(mut about) = sent else {
        return Err(Fault::bad(
            "bad_entry",
            "an entry is an object with its text, and what is to be kept about it",
        ));
    };
    let Some(Value::String(text)) = about.shift_remove("text") else {
        return Err(Fault::bad("bad_entry", "an entry has a text").pointer("/text"));
    };
    if about.len() > MOST {
        return Err(Fault::bad("bad_entry", format!("at most {MOST} things are kept about an entry")));
    }
    let mut file = String::new();
    for (key, value) in about {
        let at = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
        if !is_key(&key) {
            return Err(Fault::bad("bad_entry", "a name is made of letters, digits and _").pointer(at));
        }
        let value = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) | Value::Null => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(
                    Fault::bad("bad_entry", "only texts and numbers are kept about an entry").pointer(at)
                );
            }
        };
        if value.len() > LONGEST {
            return Err(Fault::bad("bad_entry", format!("a value has at most {LONGEST} bytes")).pointer(at));
        }
        // It is one line, whatever is in it.
        let value = value.replace('\r', "").replace('\n', "\\n");
        file.push_str(&format!("// {key}: {value}\n"));
    }
    file.push_str(&text);
    Ok(file)
}

fn is_key(key: &str) -> bool {
    (1..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let file = write(
            json!({"name": "Parse", "outputs": 2, "setup": "a\nb", "text": "let x = 1;\n// note: stays\nx"}),
        );
        let file = file.unwrap();
        assert_eq!(file, "// name: Parse\n// outputs: 2\n// setup: a\\nb\nlet x = 1;\n// note: stays\nx");
        let (about, text) = read(&file);
        assert_eq!(about[1], ("outputs".to_string(), "2".to_string()));
        assert_eq!(text, "let x = 1;\n// note: stays\nx");
        assert_eq!(read("").1, "");
        assert_eq!(read("// only: this").0.len(), 1);
    }

    #[test]
    fn what_would_break_the_form_is_refused() {
        for wrong in [
            json!([]),
            json!({}),
            json!({"text": 5}),
            json!({"text": "", "a b": "x"}),
            json!({"text": "", "a": {}}),
        ] {
            assert!(write(wrong.clone()).is_err(), "{wrong}");
        }
        let sneaky = write(json!({"name": "x\n// other: y", "text": "z"})).unwrap();
        assert_eq!(read(&sneaky).0.len(), 1);
    }
}
