//! Why a bundle is not deployed, in words for whoever has sent it.

use super::bundle::BundleError;
use super::key::KeyError;
use crate::flow::Problem;
use crate::store::StoreError;

/// Of many errors in a flow so many are told.
const TOLD: usize = 3;

/// Why a bundle is not deployed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(
        "no key is trusted here, so nothing is deployed from elsewhere: `tidegate keys trust LINE` on the gateway lets one in"
    )]
    NoKeys,
    #[error(
        "the bundle is signed with a key that is not trusted here ({0}): `tidegate keys trust LINE` on the gateway lets it in"
    )]
    UnknownKey(String),
    #[error(
        "the bundle is old: its sequence is {sequence}, and {newest} of the key \"{key}\" was deployed here: sign it anew"
    )]
    Old { sequence: i64, newest: i64, key: String },
    #[error("the bundle is for {for_whom}, and this gateway is {name}")]
    NotForUs { for_whom: String, name: String },
    #[error("the flows have errors, and nothing was changed: {0}")]
    Flows(String),
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Not the bundle's fault: it may be tried again.
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the deploy broke off by a mistake of tidegate, which the log of the gateway shows")]
    Panicked,
    #[error("the gateway stops; the bundle is taken up again when it has started")]
    Stopping,
}

impl Refused {
    /// Whether the same bundle may get in later, with nothing changed but this gateway.
    pub fn is_passing(&self) -> bool {
        matches!(self, Refused::Store(_) | Refused::Stopping | Refused::Keys(_))
    }
}

/// The worst of what is wrong with flows.
pub fn told(problems: &[Problem]) -> String {
    let errors: Vec<String> = problems.iter().filter(|p| p.is_error()).map(ToString::to_string).collect();
    let more = match errors.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", errors[..errors.len().min(TOLD)].join("; "))
}
