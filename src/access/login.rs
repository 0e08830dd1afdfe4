//! Logging in, and showing a password again.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Access, Caller, Key, Moment, Refused, Secret, Why, lock};
use crate::config::{By, Hashed, User, check_name, check_password};

impl Access {
    /// A session for a name and a password.
    pub fn login(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
        now: Moment,
    ) -> Result<(Arc<Caller>, Secret), Refused> {
        self.attempt(name, from, now, || {
            let Some((user, hashed)) = self.checked(name, password)? else { return Ok(None) };
            self.session(&user, &hashed, from, now)
        })
    }

    /// Whether it is the password of somebody who is logged in: before they change it, or do what cannot be undone.
    pub fn confirm(&self, name: &str, password: &str, from: IpAddr, now: Moment) -> Result<(), Refused> {
        self.attempt(name, from, now, || Ok(self.checked(name, password)?.map(drop)))
    }

    /// Gives somebody who is logged in another password, for their old one. All their sessions end but the one that asks.
    pub fn change_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
        from: IpAddr,
        now: Moment,
    ) -> Result<(), Refused> {
        // First of all: what cannot be a password is no try.
        check_password(new)?;
        let name = &caller.name;
        let old = self.attempt(name, from, now, || Ok(self.checked(name, old)?.map(|(_, hashed)| hashed)))?;
        let new = self.hash(new)?;
        let origin = from.to_canonical().to_string();
        let by = By { who: name, origin: &origin };
        match self.config.replace_password(name, &old, &new, &caller.id, by)? {
            true => Ok(()),
            // An admin was quicker, and the old one is not theirs any more.
            false => Err(Refused::Wrong),
        }
    }

    /// One try: it is charged before it is made, and forgiven when it is the right one (`Some`).
    fn attempt<R>(
        &self,
        name: &str,
        from: IpAddr,
        now: Moment,
        make: impl FnOnce() -> Result<Option<R>, Refused>,
    ) -> Result<R, Refused> {
        let mut keys = vec![Key::address(from)];
        // What cannot be a name has no counter, and is not kept.
        keys.extend(check_name(name).is_ok().then(|| Key::Name(name.to_string())));
        // Whoever has a session from here is not kept out by strangers who guess at the name from elsewhere.
        let guessed_at = keys.get(1).is_some_and(|key| lock(&self.throttle).wait(key, now.at).is_some());
        let known =
            guessed_at && self.config.has_session(name, &from.to_canonical().to_string(), now.wall_ms)?;
        let watched = if known { &keys[..1] } else { &keys[..] };
        self.charge(watched, &keys, from, now)?;
        let made = make();
        match &made {
            Ok(Some(_)) => keys.iter().for_each(|key| lock(&self.throttle).forgive(key)),
            Ok(None) => {
                let user = self.config.user(name).is_ok_and(|user| user.is_some());
                self.refuse(Why::Wrong, from.to_canonical(), user.then_some(name), now);
            }
            Err(_) => keys.iter().for_each(|key| lock(&self.throttle).take_back(key)),
        }
        made?.ok_or(Refused::Wrong)
    }

    /// Counts a try, unless there is one to wait for.
    pub(super) fn charge(
        &self,
        watched: &[Key],
        all: &[Key],
        from: IpAddr,
        now: Moment,
    ) -> Result<(), Refused> {
        let mut throttle = lock(&self.throttle);
        let left = watched.iter().filter_map(|key| throttle.wait(key, now.at)).max();
        if let Some(left) = left {
            drop(throttle);
            self.refuse(Why::TooSoon, from.to_canonical(), None, now);
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            return Err(Refused::Wait { seconds });
        }
        all.iter().for_each(|key| throttle.charge(key.clone(), now.at));
        Ok(())
    }

    /// The user, where the password is theirs. Takes as long for a name that there is not.
    fn checked(&self, name: &str, password: &str) -> Result<Option<(User, Hashed)>, Refused> {
        // Nobody has such a name or password, so it tells nothing to say so sooner.
        if check_name(name).is_err() || check_password(password).is_err() {
            return Ok(None);
        }
        let found = self.config.user(name)?;
        let nobody = Hashed::of_nobody()?;
        let _slot = self.slot()?;
        let fits = found.as_ref().map_or(&nobody, |(_, hashed)| hashed).fits(password);
        let Some((user, hashed)) = found.filter(|_| fits) else { return Ok(None) };
        if hashed.is_current() {
            return Ok(Some((user, hashed)));
        }
        let renewed = Hashed::of(password)?;
        match self.config.renew_hash(name, &hashed, &renewed) {
            Ok(()) => Ok(Some((user, renewed))),
            // A full disk keeps nobody out; it is renewed another time.
            Err(_) => Ok(Some((user, hashed))),
        }
    }

    pub(super) fn session(
        &self,
        user: &User,
        hashed: &Hashed,
        from: IpAddr,
        now: Moment,
    ) -> Result<Option<(Arc<Caller>, Secret)>, Refused> {
        let from = from.to_canonical().to_string();
        let made = self.config.create_session(&user.name, hashed, &from, now.wall_ms)?;
        Ok(made.map(|(token, secret)| (Arc::new(Caller::of(&token, Some(user))), secret)))
    }
}
