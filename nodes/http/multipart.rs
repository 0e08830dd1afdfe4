//! Forms with files: `multipart/form-data`, read as multer reads it, from a body that is whole.

use crate::value::{Object, Value};

/// The limits of multer, where it has some: fields and files together, and the headers of one.
const MOST_PARTS: usize = 1000;
const LONGEST_HEADERS: usize = 16 * 1024;

pub struct Form {
    pub fields: Object,
    pub files: Vec<Value>,
}

/// The boundary in a content type.
pub fn boundary(content_type: &str) -> Option<&str> {
    let boundary = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    boundary.filter(|boundary| (1..=70).contains(&boundary.len()))
}

/// Reads a form. The error is for the client.
pub fn parse(body: &[u8], boundary: &str) -> Result<Form, String> {
    let mark = format!("\r\n--{boundary}").into_bytes();
    let mut form = Form { fields: Object::new(), files: Vec::new() };
    // The first may stand at the very start.
    let mut rest = match body.strip_prefix(&mark[2..]) {
        Some(rest) => rest,
        None => split(body, &mark).ok_or("the form does not begin")?.1,
    };
    for _ in 0..MOST_PARTS {
        if rest.starts_with(b"--") {
            return Ok(form);
        }
        // Spaces behind a boundary are allowed.
        let line = split(rest, b"\r\n").ok_or("a part of the form does not begin")?.1;
        let (part, after) = split(line, &mark).ok_or("the form does not end")?;
        let (headers, content) = match part.strip_prefix(b"\r\n") {
            Some(content) => (&[][..], content),
            None => split(part, b"\r\n\r\n").ok_or("a part of the form has no content")?,
        };
        if headers.len() > LONGEST_HEADERS {
            return Err("the headers of a part are too long".to_string());
        }
        form.add(&String::from_utf8_lossy(headers), content);
        rest = after;
    }
    Err(format!("the form has more than {MOST_PARTS} parts"))
}

fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    // Most bytes are none that `at` begins with, and are passed over quickly.
    let mut from = 0;
    while let Some(found) = bytes[from..].iter().position(|byte| *byte == at[0]) {
        from += found;
        if bytes[from..].starts_with(at) {
            return Some((&bytes[..from], &bytes[from + at.len()..]));
        }
        from += 1;
    }
    None
}

impl Form {
    fn add(&mut self, headers: &str, content: &[u8]) {
        let header = |wanted: &str| {
            headers.split("\r\n").find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        let disposition = header("content-disposition").unwrap_or_default();
        // A part without a name is nobody's.
        let Some(name) = parameter(disposition, "name") else { return };
        let mime = header("content-type");
        let Some(file) = parameter(disposition, "filename") else {
            let value = Value::str(String::from_utf8_lossy(content));
            let joined = match self.fields.get(&name) {
                None => value,
                Some(Value::Array(all)) => Value::array(all.iter().cloned().chain([value]).collect()),
                Some(before) => Value::array(vec![before.clone(), value]),
            };
            return self.fields.insert(name, joined);
        };
        let mut entry = Object::new();
        entry.insert("fieldname", name);
        // Only the name: a path of the client's is none of ours.
        entry.insert("originalname", file.rsplit(['/', '\\']).next().unwrap_or_default());
        entry.insert("encoding", header("content-transfer-encoding").unwrap_or("7bit"));
        entry.insert("mimetype", mime.unwrap_or("application/octet-stream"));
        entry.insert("buffer", Value::bytes(content));
        entry.insert("size", content.len());
        self.files.push(Value::Object(entry));
    }
}

/// A parameter of a header: quoted, with backslashes before quotes, or bare.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, end) = match after.strip_prefix('"') {
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_string(), end)
            }
            Some(quoted) => {
                let (mut value, mut escaped, mut end) = (String::new(), false, quoted.len());
                for (at, char) in quoted.char_indices() {
                    match char {
                        '\\' if !escaped => escaped = true,
                        '"' if !escaped => {
                            end = at + 1;
                            break;
                        }
                        char => {
                            value.push(char);
                            escaped = false;
                        }
                    }
                }
                (value, end + 1)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after.get(end..)?.split_once(';')?.1;
    }
}

/// A part of a form that is to be sent.
pub struct Part<'p> {
    pub name: &'p str,
    pub content: &'p [u8],
    pub file: Option<&'p str>,
    pub mime: Option<&'p str>,
}

/// Writes a form.
pub fn write(parts: &[Part<'_>], boundary: &str) -> Vec<u8> {
    let quoted = |text: &str| text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(part.name))
                .as_bytes(),
        );
        if let Some(file) = part.file {
            out.extend_from_slice(format!("; filename=\"{}\"", quoted(file)).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if let Some(mime) = part.mime.or_else(|| part.file.map(|_| "application/octet-stream")) {
            out.extend_from_slice(format!("content-type: {}\r\n", mime.replace(['\r', '\n'], "")).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(part.content);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let parts = [
            Part { name: "a", content: b"x\r\n--y", file: None, mime: None },
            Part { name: "a", content: b"2", file: None, mime: None },
            Part {
                name: "f",
                content: b"\0\xff\r\n",
                file: Some("../dir/pic \"1\".png"),
                mime: Some("image/png"),
            },
        ];
        let form = parse(&write(&parts, "yy"), "yy").unwrap();
        assert_eq!(serde_json::to_value(&form.fields).unwrap(), json!({"a": ["x\r\n--y", "2"]}));
        let file = &form.files[0];
        assert_eq!(file.get("originalname").unwrap().as_str(), Some("pic %221%22.png"));
        assert_eq!(file.get("mimetype").unwrap().as_str(), Some("image/png"));
        assert_eq!(file.get("buffer").unwrap().as_bytes(), Some(&b"\0\xff\r\n"[..]));
        assert_eq!(file.get("size").unwrap().as_i64(), Some(4));
    }

    #[test]
    fn what_is_no_form_is_an_error() {
        for wrong in
            [&b""[..], b"hello", b"--b", b"--b\r\n", b"--b\r\nx\r\n--b--", b"--b\r\nname: x\r\n\r\nabc"]
        {
            assert!(parse(wrong, "b").is_err(), "{wrong:?}");
        }
        assert!(parse(b"preamble\r\n--b--", "b").unwrap().files.is_empty());
        assert_eq!(boundary("multipart/form-data; charset=x; boundary=\"a b\""), Some("a b"));
        assert_eq!(boundary("multipart/form-data"), None);
    }

    proptest! {
        #[test]
        fn no_form_makes_it_panic(body in "(--b|\r\n|[a-z\"=;:\\\\é-]|content-disposition: form-data; name=)*") {
            let _ = parse(body.as_bytes(), "b");
        }
    }
}
