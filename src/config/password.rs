//! Passwords are kept as Argon2id hashes, in the text form that names the costs with which each was made.

use argon2::password_hash::{
    Ident, Output, ParamsString, PasswordHash, PasswordHasher, PasswordVerifier, Salt, SaltString,
};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;

use super::seal::random;
use crate::store::StoreError;

/// The costs that OWASP names for a server with little memory: 19 MiB, two passes.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;
/// What a hash may cost that somebody has written into the database: more would stop a small board.
const MOST_MEMORY_KIB: u32 = 131_072;
const MOST_PASSES: u32 = 16;

pub const SHORTEST: usize = 8;
pub const LONGEST: usize = 1_024;

/// A hashed password.
#[derive(Clone, PartialEq, Eq)]
pub struct Hashed(String);

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed(..)")
    }
}

impl Hashed {
    /// Takes 19 MiB and, on a small board, a few tenths of a second.
    pub fn of(password: &str) -> Result<Hashed, StoreError> {
        check(password)?;
        Hashed::with(password, params(MEMORY_KIB, PASSES)?)
    }

    fn with(password: &str, params: Params) -> Result<Hashed, StoreError> {
        let mut bytes = [0; SALT];
        random(&mut bytes)?;
        let salt = SaltString::encode_b64(&bytes).map_err(mistake)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon.hash_password(password.as_bytes(), &salt).map_err(mistake)?;
        Ok(Hashed(hash.to_string()))
    }

    /// As an earlier version might have made it.
    #[cfg(test)]
    pub fn with_older_costs(password: &str) -> Hashed {
        Hashed::with(password, params(64, 1).unwrap()).unwrap()
    }

    /// One that no password fits and that costs as much to try: for users that there are not.
    pub fn of_nobody() -> Result<Hashed, StoreError> {
        let params = params(MEMORY_KIB, PASSES)?;
        let salt = SaltString::encode_b64(&[0; SALT]).map_err(mistake)?;
        let hash = PasswordHash {
            algorithm: Ident::new_unwrap("argon2id"),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(mistake)?,
            salt: Some(Salt::from_b64(salt.as_str()).map_err(mistake)?),
            hash: Some(Output::new(&[0; 32]).map_err(mistake)?),
        };
        Ok(Hashed(hash.to_string()))
    }

    /// As it stands in the database.
    pub fn stored(text: String) -> Hashed {
        Hashed(text)
    }

    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// Whether it is of this password. Costs what making it costs.
    pub fn fits(&self, password: &str) -> bool {
        let Ok(hash) = PasswordHash::new(&self.0) else { return false };
        let bearable = Params::try_from(&hash)
            .is_ok_and(|costs| costs.m_cost() <= MOST_MEMORY_KIB && costs.t_cost() <= MOST_PASSES);
        bearable && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
    }

    /// Whether it was made with the costs that are used today.
    pub fn is_current(&self) -> bool {
        let Ok(hash) = PasswordHash::new(&self.0) else { return false };
        hash.algorithm == Ident::new_unwrap("argon2id")
            && Params::try_from(&hash).is_ok_and(|costs| {
                (costs.m_cost(), costs.t_cost(), costs.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            })
    }
}

/// Length is all that is asked of a password.
pub fn check(password: &str) -> Result<(), StoreError> {
    let wrong = match password.len() {
        0..SHORTEST => format!("the password is too short: it needs at least {SHORTEST} bytes"),
        SHORTEST..=LONGEST => return Ok(()),
        _ => format!("the password is too long: it has at most {LONGEST} bytes"),
    };
    Err(StoreError::Refused(wrong))
}

fn params(memory: u32, passes: u32) -> Result<Params, StoreError> {
    Params::new(memory, passes, LANES, None).map_err(mistake)
}

fn mistake(error: impl fmt::Display) -> StoreError {
    StoreError::Mistake(format!("a password could not be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_only_and_tells_nothing() {
        let hashed = Hashed::of("correct horse").unwrap();
        assert!(hashed.as_text().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hashed.as_text());
        assert!(hashed.fits("correct horse") && !hashed.fits("correct horsf") && !hashed.fits(""));
        assert!(hashed.is_current());
        assert_ne!(hashed, Hashed::of("correct horse").unwrap(), "each has a salt of its own");
        assert_eq!(format!("{hashed:?}"), "Hashed(..)");
    }

    #[test]
    fn the_length_is_bounded() {
        for (length, fine) in [(0, false), (7, false), (8, true), (1_024, true), (1_025, false)] {
            let password = "p".repeat(length);
            let checked = check(&password);
            assert_eq!(checked.is_ok(), fine, "{length}");
            assert!(checked.is_ok() || !checked.unwrap_err().to_string().contains("pppp"));
        }
        assert!(Hashed::of("short").is_err());
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let nobody = Hashed::of_nobody().unwrap();
        assert!(nobody.is_current(), "{}", nobody.as_text());
        assert!(!nobody.fits("anything at all"));
        // It is computed, not turned down for its form.
        let hash = PasswordHash::new(nobody.as_text()).unwrap();
        let tried = Argon2::default().verify_password(b"anything", &hash);
        assert_eq!(tried, Err(argon2::password_hash::Error::Password));
    }

    #[test]
    fn older_costs_are_seen_and_monstrous_ones_are_not_paid() {
        let older = Hashed::with_older_costs("correct horse");
        assert!(older.fits("correct horse") && !older.is_current());
        let monstrous = Hashed::stored(older.as_text().replace("m=64,", "m=4000000,"));
        assert!(!monstrous.fits("correct horse"));
        for rubbish in ["", "plain text", "$argon2id$", "$argon2id$v=19$m=x$$"] {
            let rubbish = Hashed::stored(rubbish.to_string());
            assert!(!rubbish.fits("plain text") && !rubbish.is_current());
        }
    }
}
