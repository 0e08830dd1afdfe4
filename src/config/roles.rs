//! What people and machines may be given.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and uses the dashboard, and nothing else.
    Dashboard,
    /// Looks.
    Viewer,
    /// Changes and runs flows.
    Editor,
    /// Sees to users, tokens and the gateway.
    Admin,
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Dashboard, Role::Viewer, Role::Editor, Role::Admin];
    /// What somebody has whose role only a newer version knows.
    pub const LEAST: Role = Role::Dashboard;

    pub const fn name(self) -> &'static str {
        match self {
            Role::Dashboard => "dashboard",
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        let role = Role::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| "a role is dashboard, viewer, editor or admin".to_string())
    }
}

/// What a machine's token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Scope {
    Read,
    Deploy,
    Inject,
    /// All but message contents.
    Admin,
    Metrics,
    /// Message contents.
    Payloads,
    /// Seeing and using the dashboard.
    Dashboard,
}

impl Scope {
    pub const ALL: [Scope; 7] = [
        Scope::Read,
        Scope::Deploy,
        Scope::Inject,
        Scope::Admin,
        Scope::Metrics,
        Scope::Payloads,
        Scope::Dashboard,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Deploy => "deploy",
            Scope::Inject => "inject",
            Scope::Admin => "admin",
            Scope::Metrics => "metrics",
            Scope::Payloads => "payloads",
            Scope::Dashboard => "dashboard",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        let scope = Scope::ALL.into_iter().find(|scope| scope.name() == text);
        scope.ok_or_else(|| format!("a scope is one of {}", Scope::ALL.map(Scope::name).join(", ")))
    }
}

/// A set of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// As stored. A word that only a newer version knows gives nothing.
    pub(super) fn stored(text: &str) -> Scopes {
        text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_unknown_ones_give_nothing() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for mask in 0..128 {
            let scopes = Scopes(mask);
            assert_eq!(Scopes::stored(&scopes.to_string()), scopes);
            assert_eq!(scopes.iter().count(), mask.count_ones() as usize);
        }
        assert_eq!(Scopes::stored("everything  read Admin").to_string(), "read");
        assert!("root".parse::<Role>().is_err() && "*".parse::<Scope>().is_err());
        assert_eq!(serde_json::to_string(&Scopes::stored("deploy read")).unwrap(), r#"["read","deploy"]"#);
    }
}
