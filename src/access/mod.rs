//! Who may do what: people who log in, machines with tokens, and the first admin. It knows the configuration and nothing
//! of HTTP.
//!
//! ```text
//! login, set_up -> throttle (who guesses waits) -> slots (two passwords at once) -> config (users, sessions)
//!        |-> refusals (a sum a minute, to the audit)
//! caller_of -> cache (until anything in the configuration changes) -> config
//! ```
//!
//! All of it may block on the disk, and logging in on the processor: not for a thread that others wait for.

mod cache;
mod login;
mod moment;
mod permission;
mod refusals;
mod refused;
mod set_up;
mod slots;
mod throttle;

#[cfg(test)]
mod caller_tests;
#[cfg(test)]
mod login_tests;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use crate::config::{By, Kind, Role, Scope, Scopes, Secret};
pub use moment::Moment;
pub use permission::{Caller, Permission, Rights, node_red};
pub use refused::Refused;

use crate::config::{Config, Hashed, SecretHash, Watch, check_password};
use crate::store::StoreError;
use cache::Cache;
use refusals::{Refusals, Why};
use set_up::Link;
use slots::{Slot, Slots};
use throttle::{Key, Throttle};

/// When tokens were used is written at most so often.
const TENDED: Duration = Duration::from_secs(60);
/// How long somebody waits for their turn to have a password looked at.
const PATIENCE: Duration = Duration::from_secs(5);

/// Shared by all that lets somebody in.
pub struct Access {
    config: Arc<Config>,
    watch: Watch,
    cache: Mutex<Cache>,
    throttle: Mutex<Throttle>,
    slots: Slots,
    link: Mutex<Option<Link>>,
    refusals: Mutex<Refusals>,
    tended: Mutex<Instant>,
}

impl Access {
    pub fn new(config: Arc<Config>, now: Moment) -> Result<Access, StoreError> {
        Ok(Access {
            watch: config.watch()?,
            config,
            cache: Mutex::default(),
            throttle: Mutex::default(),
            slots: Slots::default(),
            link: Mutex::default(),
            refusals: Mutex::default(),
            tended: Mutex::new(now.at),
        })
    }

    /// Users and tokens are listed, changed and removed there; all of it counts here from the next call on.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Who has this secret. Never slowed by those who guess passwords.
    pub fn caller_of(&self, secret: &str, now: Moment) -> Result<Option<Arc<Caller>>, StoreError> {
        let Some(secret) = SecretHash::of(secret) else { return Ok(None) };
        let version = self.watch.version()?;
        if let Some(caller) = lock(&self.cache).at(version).get(&secret, now.wall_ms) {
            return Ok(Some(caller));
        }
        let Some((token, user)) = self.config.find_token(&secret, now.wall_ms)? else { return Ok(None) };
        let caller = Arc::new(Caller::of(&token, user.as_ref()));
        lock(&self.cache).put(version, secret, token, caller.clone(), now.wall_ms);
        Ok(Some(caller))
    }

    /// Hashes a new password, in its turn.
    pub fn hash(&self, password: &str) -> Result<Hashed, Refused> {
        // Before it waits.
        check_password(password)?;
        let _slot = self.slot()?;
        Ok(Hashed::of(password)?)
    }

    /// Writes down what was gathered in memory. To be called every minute or so; it writes at most once a minute.
    pub fn tend(&self, now: Moment) -> Result<(), StoreError> {
        self.write_refusals(lock(&self.refusals).due(now.at))?;
        {
            let mut tended = lock(&self.tended);
            if now.at.saturating_duration_since(*tended) < TENDED {
                return Ok(());
            }
            *tended = now.at;
        }
        let used = lock(&self.cache).take_used();
        self.config.tend_tokens(&used, now.wall_ms)
    }

    fn slot(&self) -> Result<Slot<'_>, Refused> {
        self.slots.take(PATIENCE).ok_or(Refused::Busy { seconds: PATIENCE.as_secs() })
    }

    /// Tells of a refusal, together with others.
    fn refuse(&self, why: Why, from: IpAddr, user: Option<&str>, now: Moment) {
        let sum = {
            let mut refusals = lock(&self.refusals);
            refusals.add(why, from, user);
            refusals.due(now.at)
        };
        // That the audit cannot be written must not let anybody in or keep anybody out.
        if let Err(error) = self.write_refusals(sum) {
            tracing::warn!("refused log-ins cannot be written to the audit: {error}");
        }
    }

    fn write_refusals(&self, sum: Option<refusals::Sum>) -> Result<(), StoreError> {
        let Some(refusals::Sum { origin, about, detail }) = sum else { return Ok(()) };
        tracing::warn!("refused to log in: {detail}, from {origin}");
        self.config.note("somebody", &origin, "refused log in", &about, &detail)
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        let used = lock(&self.cache).take_used();
        let sum = lock(&self.refusals).take();
        let kept = self.write_refusals(sum);
        let used =
            if used.is_empty() { Ok(()) } else { self.config.tend_tokens(&used, Moment::now().wall_ms) };
        if let Err(error) = kept.and(used) {
            tracing::warn!("when tokens were last used cannot be written: {error}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
