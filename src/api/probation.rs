//! How far a probation is, as the API tells it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::deploy::OnProbation;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Probation)]
pub struct ProbationShown {
    /// Until the verdict, when this is told.
    pub left_ms: i64,
    /// The same by the clock of the gateway.
    pub ends_ms: i64,
    /// It has to be confirmed until then.
    pub needs_word: bool,
    /// It has been.
    pub confirmed: bool,
}

impl ProbationShown {
    pub fn of(probation: &OnProbation, now_ms: i64) -> ProbationShown {
        let left_ms = i64::try_from(probation.left().as_millis()).unwrap_or(i64::MAX);
        let (needs_word, confirmed) = (probation.needs_word, probation.has_word);
        ProbationShown { left_ms, ends_ms: now_ms.saturating_add(left_ms), needs_word, confirmed }
    }
}

/// Two are the same while nothing but time has passed.
impl PartialEq for ProbationShown {
    fn eq(&self, other: &ProbationShown) -> bool {
        (self.needs_word, self.confirmed) == (other.needs_word, other.confirmed)
    }
}
