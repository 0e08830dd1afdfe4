//! Digest authentication (RFC 7616 with MD5), as Node-RED has it.

use std::collections::HashMap;

use md5::{Digest, Md5};

/// The `Authorization` header that answers a challenge; nothing where it is no challenge that we can answer.
pub fn answer(
    challenge: &str,
    method: &str,
    uri: &str,
    user: &str,
    password: &str,
    cnonce: &str,
) -> Option<String> {
    let fields = fields(challenge.strip_prefix("Digest ").or_else(|| challenge.strip_prefix("digest "))?);
    let field = |name: &str| fields.get(name).map(String::as_str);
    let (realm, nonce) = (field("realm")?, field("nonce")?);
    let algorithm = field("algorithm").unwrap_or("MD5");
    let is_session = algorithm.eq_ignore_ascii_case("MD5-sess");
    if !is_session && !algorithm.eq_ignore_ascii_case("MD5") {
        return None;
    }
    let mut secret = md5(&format!("{user}:{realm}:{password}"));
    if is_session {
        secret = md5(&format!("{secret}:{nonce}:{cnonce}"));
    }
    let asked = md5(&format!("{method}:{uri}"));
    let qop = field("qop").map(|qop| qop.split(',').any(|one| one.trim() == "auth"));
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut header = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\"",
        quoted(user),
        quoted(realm),
        quoted(nonce)
    );
    match qop {
        // It asks for the integrity of the body as well.
        Some(false) => return None,
        Some(true) => {
            let response = md5(&format!("{secret}:{nonce}:00000001:{cnonce}:auth:{asked}"));
            header
                .push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\", response=\"{response}\""));
        }
        None => {
            let response = md5(&format!("{secret}:{nonce}:{asked}"));
            header.push_str(&format!(", response=\"{response}\""));
        }
    }
    if let Some(opaque) = field("opaque") {
        header.push_str(&format!(", opaque=\"{}\"", quoted(opaque)));
    }
    if field("algorithm").is_some() {
        header.push_str(&format!(", algorithm={algorithm}"));
    }
    Some(header)
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fields(mut rest: &str) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        fields.insert(name, value.trim().to_string());
        rest = left;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_answered() {
        let challenge = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
                         nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let header = answer(challenge, "GET", "/dir/index.html", "Mufasa", "Circle of Life", cnonce).unwrap();
        assert!(header.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{header}");
        assert!(header.contains("opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
    }

    #[test]
    fn what_is_no_such_challenge_is_left_alone() {
        for challenge in [
            "Basic realm=\"x\"",
            "Digest realm=\"x\"",
            "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-256",
            "Digest =,\"",
            "",
        ] {
            assert_eq!(answer(challenge, "GET", "/", "u", "p", "c"), None, "{challenge}");
        }
    }
}
