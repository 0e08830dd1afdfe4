//! A gateway without an admin gives a link by which one is made: who sees its log or its terminal is its owner.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Access, By, Caller, Key, Moment, Refused, Role, Secret, Why, lock};
use crate::config::{NewUser, SecretHash, User, check_name};
use crate::store::StoreError;

const LASTS: Duration = Duration::from_secs(3_600);

/// In memory only: the next start gives another one.
pub struct Link {
    secret: SecretHash,
    until: Instant,
}

impl Access {
    /// What the set-up link carries. `None` where there is an admin; an earlier one is no longer valid.
    pub fn setup_link_token(&self, now: Moment) -> Result<Option<Secret>, StoreError> {
        if self.config.has_admin()? {
            return Ok(None);
        }
        let secret = Secret::fresh()?;
        *lock(&self.link) = Some(Link { secret: secret.hash(), until: now.at + LASTS });
        Ok(Some(secret))
    }

    /// Makes the first admin, and logs them in. They see message contents: there is nobody else yet who could.
    pub fn set_up(
        &self,
        token: &str,
        name: &str,
        password: &str,
        from: IpAddr,
        now: Moment,
    ) -> Result<(Arc<Caller>, Secret), Refused> {
        let key = [Key::address(from)];
        self.charge(&key, &key, from, now)?;
        if !self.is_link(token, now) {
            self.refuse(Why::Link, from.to_canonical(), None, now);
            return Err(Refused::Link);
        }
        // Who has the link does not guess.
        lock(&self.throttle).take_back(&key[0]);
        check_name(name)?;
        let hashed = self.hash(password)?;
        let origin = from.to_canonical().to_string();
        let new = NewUser { name, role: Role::Admin, sees_payloads: true };
        let made = self.config.add_first_admin(&new, &hashed, By { who: name, origin: &origin })?;
        *lock(&self.link) = None;
        if !made {
            return Err(Refused::SetUpAlready);
        }
        let user =
            User { name: name.to_string(), role: Role::Admin, sees_payloads: true, since_ms: now.wall_ms };
        self.session(&user, &hashed, from, now)?.ok_or(Refused::Wrong)
    }

    fn is_link(&self, token: &str, now: Moment) -> bool {
        let secret = SecretHash::of(token);
        lock(&self.link).as_ref().is_some_and(|link| Some(link.secret) == secret && now.at < link.until)
    }
}
