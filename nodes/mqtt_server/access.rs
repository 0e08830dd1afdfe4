//! Who may connect, and what they may read and write.

use std::collections::BTreeMap;
use std::fmt;

use super::filter;

/// Passwords must not be shown.
#[derive(Clone, Default, PartialEq)]
pub struct Access {
    pub users: BTreeMap<String, String>,
    pub anonymous: bool,
    /// None: who may connect may do everything.
    pub rules: Vec<Rule>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users, anonymous {}, {:?}", self.users.len(), self.anonymous, self.rules)
    }
}

/// Allows what would not be allowed else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Empty: everybody, those without a name too.
    pub user: String,
    pub read: bool,
    pub write: bool,
    /// `%u` stands for the name of the user, `%c` for the client id.
    pub topic: String,
}

/// Who a connection belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    pub user: Option<String>,
    pub client: String,
}

impl Access {
    /// Whether these may connect.
    pub fn admits(&self, user: Option<&str>, password: Option<&[u8]>) -> bool {
        let Some(user) = user else { return self.anonymous };
        let known = self.users.get(user);
        // A name that is not known takes as long as a wrong password.
        let fits = is_same(password.unwrap_or_default(), known.map_or("unknown", String::as_str).as_bytes());
        match known {
            Some(_) => fits,
            // A name without users to compare with says nothing: as good as none.
            None => self.anonymous && self.users.is_empty(),
        }
    }

    pub fn may_write(&self, who: &Who, topic: &str) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|rule| rule.write && rule.covers(who, topic))
    }

    /// `filter` without its share group.
    pub fn may_read(&self, who: &Who, filter: &str) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|rule| rule.read && rule.covers(who, filter))
    }
}

impl Rule {
    fn covers(&self, who: &Who, inner: &str) -> bool {
        if !self.user.is_empty() && who.user.as_ref() != Some(&self.user) {
            return false;
        }
        let mut outer = String::new();
        let mut rest = self.topic.as_str();
        while let Some(at) = rest.find('%') {
            outer.push_str(&rest[..at]);
            let value = match rest.as_bytes().get(at + 1) {
                Some(b'u') => who.user.as_deref(),
                Some(b'c') => Some(who.client.as_str()),
                _ => {
                    outer.push('%');
                    rest = &rest[at + 1..];
                    continue;
                }
            };
            match value {
                // A name that is a wildcard would open the doors of all others.
                Some(value) if !value.is_empty() && !value.contains(['+', '#', '/']) => outer.push_str(value),
                _ => return false,
            }
            rest = &rest[at + 2..];
        }
        outer.push_str(rest);
        filter::covers(&outer, inner)
    }
}

/// Takes as long for every password of the same length as the given one: how much of it was right cannot be measured.
fn is_same(given: &[u8], right: &[u8]) -> bool {
    let mut different = given.len() ^ right.len();
    for (at, byte) in given.iter().enumerate() {
        different |= usize::from(byte ^ right.get(at % right.len().max(1)).copied().unwrap_or(0));
    }
    std::hint::black_box(different) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(user: &str, client: &str) -> Who {
        Who { user: Some(user.to_string()).filter(|user| !user.is_empty()), client: client.to_string() }
    }

    #[test]
    fn only_the_right_password_is_let_in() {
        let mut access =
            Access { users: [("ann".to_string(), "secret".to_string())].into(), ..Access::default() };
        assert!(access.admits(Some("ann"), Some(b"secret")));
        for (user, password) in [
            (Some("ann"), Some(&b"secre"[..])),
            (Some("ann"), Some(b"secretsecret")),
            (Some("ann"), Some(b"")),
            (Some("ann"), None),
            (Some("bob"), Some(b"unknown")),
            (None, None),
        ] {
            assert!(!access.admits(user, password), "{user:?} {password:?}");
        }
        access.anonymous = true;
        assert!(access.admits(None, None) && !access.admits(Some("bob"), Some(b"unknown")));
        assert!(!format!("{access:?}").contains("secret"));
    }

    #[test]
    fn rules_allow_and_nothing_else_does() {
        let rule = |user: &str, read, write, topic: &str| Rule {
            user: user.to_string(),
            read,
            write,
            topic: topic.to_string(),
        };
        let access = Access {
            rules: vec![
                rule("", true, false, "public/#"),
                rule("ann", true, true, "site/+/x"),
                rule("", true, true, "of/%u/%c/#"),
            ],
            ..Access::default()
        };
        let (ann, bob, nobody) = (who("ann", "1"), who("bob", "#"), who("", "1"));
        assert!(access.may_read(&nobody, "public/a") && !access.may_write(&nobody, "public/a"));
        assert!(access.may_write(&ann, "site/7/x") && !access.may_write(&bob, "site/7/x"));
        assert!(!access.may_read(&ann, "site/#") && access.may_read(&ann, "site/+/x"));
        assert!(access.may_write(&ann, "of/ann/1/deep/er") && !access.may_write(&ann, "of/bob/1"));
        assert!(!access.may_read(&bob, "of/bob/#"), "a client id that is a wildcard opens nothing");
        assert!(!access.may_read(&nobody, "of//1"));
        assert!(!access.may_read(&ann, "#"));
    }
}
