//! Names of revisions, also of the one that runs.

use super::{Current, Deployer};
use crate::config::{By, Revision};
use crate::store::StoreError;

impl Deployer {
    /// Gives a revision a name, or takes it away: an empty one. `None` where there is no such revision.
    pub fn name_revision(&self, number: i64, name: &str, by: By<'_>) -> Result<Option<Revision>, StoreError> {
        // Nobody else changes what is current meanwhile.
        let _turn = self.turn();
        let named = self.tools.config.name_revision(number, name, by)?;
        let current = self.current();
        if let Some(named) = named.as_ref().filter(|named| named.number == current.revision.number) {
            let mut now = Current::clone(&current);
            now.revision.name.clone_from(&named.name);
            self.set_current(now);
        }
        Ok(named)
    }
}
