//! Who somebody is, and what they may do.

use crate::config::{Kind, Role, Scope, Scopes, Token, User};

/// What an action needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Flows, the state of nodes, revisions.
    Read,
    /// Message contents. Apart from the roles: who repairs a gateway need not see what flows through it.
    Payloads,
    Inject,
    Deploy,
    /// Users, tokens, settings.
    Admin,
    Metrics,
    /// What the dashboard shows. It is out of messages, chosen by who made the dashboard for others to see.
    Dashboard,
    /// The buttons and sliders on it.
    Operate,
}

impl Permission {
    pub const ALL: [Permission; 8] = [
        Permission::Read,
        Permission::Payloads,
        Permission::Inject,
        Permission::Deploy,
        Permission::Admin,
        Permission::Metrics,
        Permission::Dashboard,
        Permission::Operate,
    ];
}

/// What Node-RED calls it. What is not known here needs an admin.
pub fn node_red(permission: &str) -> Permission {
    match permission {
        // Without a name: whoever is logged in.
        "" | "read" | "auth.read" | "diagnostics.read" | "flows.read" | "icons.read" | "library.read"
        | "nodes.read" | "plugins.read" | "projects.read" | "settings.read" | "status.read"
        | "theme.read" => Permission::Read,
        // A context holds what messages brought.
        "context.read" | "debug.read" => Permission::Payloads,
        "debug.write" | "inject.write" => Permission::Inject,
        "context.write" | "credentials.read" | "flows.write" | "library.write" | "projects.write"
        | "settings.write" | "write" => Permission::Deploy,
        "metrics.read" => Permission::Metrics,
        _ => Permission::Admin,
    }
}

/// A person or a machine that has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Of the user, or of the token.
    pub name: String,
    pub kind: Kind,
    /// Of the session or token: by it, it can be ended.
    pub id: String,
    pub rights: Rights,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    Person { role: Role, sees_payloads: bool },
    Machine(Scopes),
}

impl Caller {
    pub(super) fn of(token: &Token, user: Option<&User>) -> Caller {
        let (name, rights) = match user {
            Some(user) => (&user.name, Rights::Person { role: user.role, sees_payloads: user.sees_payloads }),
            None => (&token.name, Rights::Machine(token.scopes)),
        };
        Caller { name: name.clone(), kind: token.kind, id: token.id.clone(), rights }
    }

    pub fn may(&self, permission: Permission) -> bool {
        match self.rights {
            Rights::Person { role, sees_payloads } => match permission {
                Permission::Dashboard => true,
                // The role that is for the dashboard uses it; who only looks at the gateway only looks at this too.
                Permission::Operate => role != Role::Viewer,
                Permission::Read | Permission::Metrics => role >= Role::Viewer,
                Permission::Inject | Permission::Deploy => role >= Role::Editor,
                Permission::Admin => role == Role::Admin,
                Permission::Payloads => sees_payloads && role >= Role::Viewer,
            },
            Rights::Machine(scopes) => {
                let own = match permission {
                    Permission::Read => Scope::Read,
                    Permission::Payloads => Scope::Payloads,
                    Permission::Inject => Scope::Inject,
                    Permission::Deploy => Scope::Deploy,
                    Permission::Admin => Scope::Admin,
                    Permission::Metrics => Scope::Metrics,
                    Permission::Dashboard if scopes.contains(Scope::Read) => Scope::Read,
                    Permission::Dashboard | Permission::Operate => Scope::Dashboard,
                };
                scopes.contains(own) || (scopes.contains(Scope::Admin) && permission != Permission::Payloads)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(rights: Rights) -> Caller {
        Caller { name: "x".to_string(), kind: Kind::Session, id: "1".to_string(), rights }
    }

    fn granted(rights: Rights) -> Vec<Permission> {
        let caller = caller(rights);
        Permission::ALL.into_iter().filter(|permission| caller.may(*permission)).collect()
    }

    #[test]
    fn each_role_has_what_it_is_for_and_payloads_are_apart() {
        use Permission::{Admin, Dashboard, Deploy, Inject, Metrics, Operate, Payloads, Read};
        let of = |role, sees_payloads| granted(Rights::Person { role, sees_payloads });
        assert_eq!(of(Role::Dashboard, false), [Dashboard, Operate]);
        assert_eq!(of(Role::Dashboard, true), [Dashboard, Operate]);
        assert_eq!(of(Role::Viewer, false), [Read, Metrics, Dashboard]);
        assert_eq!(of(Role::Viewer, true), [Read, Payloads, Metrics, Dashboard]);
        assert_eq!(of(Role::Editor, false), [Read, Inject, Deploy, Metrics, Dashboard, Operate]);
        assert_eq!(of(Role::Admin, false), [Read, Inject, Deploy, Admin, Metrics, Dashboard, Operate]);
        assert_eq!(of(Role::Admin, true), Permission::ALL);
    }

    #[test]
    fn a_machine_has_what_its_scopes_say() {
        let of = |scopes: &[Scope]| granted(Rights::Machine(scopes.iter().copied().collect()));
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[Scope::Deploy]), [Permission::Deploy]);
        assert_eq!(of(&[Scope::Read]), [Permission::Read, Permission::Dashboard]);
        assert_eq!(of(&[Scope::Dashboard]), [Permission::Dashboard, Permission::Operate]);
        assert_eq!(of(&[Scope::Metrics, Scope::Payloads]), [Permission::Payloads, Permission::Metrics]);
        assert_eq!(of(&[Scope::Admin]).len(), 7);
        assert!(!of(&[Scope::Admin]).contains(&Permission::Payloads));
        assert_eq!(of(&Scope::ALL), Permission::ALL);
    }

    #[test]
    fn node_reds_permissions_map_and_unknown_ones_need_an_admin() {
        for (name, permission) in [
            ("*", Permission::Admin),
            ("read", Permission::Read),
            ("flows.read", Permission::Read),
            ("flows.write", Permission::Deploy),
            ("nodes.read", Permission::Read),
            ("nodes.write", Permission::Admin),
            ("inject.write", Permission::Inject),
            ("debug.read", Permission::Payloads),
            ("context.read", Permission::Payloads),
            ("users.read", Permission::Admin),
            ("secrets.read", Permission::Admin),
        ] {
            assert_eq!(node_red(name), permission, "{name}");
        }
    }
}
