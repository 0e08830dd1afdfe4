//! Why somebody is not let in, in words that give nothing away.

use thiserror::Error;

use crate::store::StoreError;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// The same for a name that there is not.
    #[error("wrong name or password")]
    Wrong,
    #[error("too many wrong tries: try again in {seconds} s")]
    Wait { seconds: u64 },
    #[error("too many people log in at once: try again in {seconds} s")]
    Busy { seconds: u64 },
    #[error(
        "this set-up link is not valid: it lasts an hour and works once; start the gateway again for a new one, \
         or run `tidegate passwd NAME --role admin` on the board"
    )]
    Link,
    #[error("the gateway has an admin already: log in, or run `tidegate passwd` on the board")]
    SetUpAlready,
    /// A name or a new password that cannot be used.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        match error {
            StoreError::Refused(why) => Refused::Invalid(why),
            other => Refused::Store(other),
        }
    }
}
