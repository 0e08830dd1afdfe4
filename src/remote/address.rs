//! Where the broker for deploys is, as a setting says it: `mqtt://user:password@host:port`. The password shows nowhere.

use std::fmt;

use zeroize::Zeroizing;

#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Without the user and the password.
    pub url: String,
    pub user: String,
    pub password: Zeroizing<String>,
}

pub const EXPECTED: &str = "an address such as mqtt://host:1883 or mqtts://user:password@host:8883";

impl Address {
    pub fn parse(text: &str) -> Option<Address> {
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme, "mqtt" | "mqtts") || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (login, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (place, None),
        };
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        if host.is_empty() || place.contains(['/', '?', '#']) || !port.is_none_or(is_port) {
            return None;
        }
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let url = format!("{scheme}://{place}");
        Some(Address { url, user: decoded(user)?, password: Zeroizing::new(decoded(password)?) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// An address without what lets somebody in, for messages about one that may be wrong.
pub fn without_login(text: &str) -> String {
    match text.rsplit_once('@') {
        None => text.to_string(),
        Some((before, place)) => {
            let scheme =
                before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}...@{place}")
        }
    }
}

/// `%40` is `@`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_its_password_shows_nowhere() {
        let address = Address::parse("mqtts://site%407:p%3Aw@[::1]:8883").unwrap();
        assert_eq!((address.url.as_str(), address.user.as_str()), ("mqtts://[::1]:8883", "site@7"));
        assert_eq!(address.password.as_str(), "p:w");
        assert!(!format!("{address:?} {address}").contains("p:w"));
        assert_eq!(Address::parse("mqtt://broker").unwrap().url, "mqtt://broker");
        for wrong in [
            "",
            "broker",
            "http://b",
            "mqtt://",
            "mqtt://b:x",
            "mqtt://b:0",
            "mqtt://b/c",
            "mqtt://a b",
            "mqtt://%4@b",
        ] {
            assert!(Address::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(without_login("mqtt://u:hunter2@b:x"), "mqtt://...@b:x");
    }
}
