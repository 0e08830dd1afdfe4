//! Somebody else was quicker, and what both did is put together.

use std::sync::Arc;

use super::{Conflict, Current, Deployer, Order, Receipt, Refusal};
use crate::flow::{self, Diff, Document, ThreeWay};
use crate::store::StoreError;

/// How often somebody may come in between before it is given up.
const TRIES: usize = 5;

impl Deployer {
    /// Deploys, and where somebody has deployed since, what both did. What cannot be put together changes nothing.
    pub fn deploy_merged(self: &Arc<Self>, order: Order) -> Result<Receipt, Refusal> {
        let Some(seen) = order.seen.clone() else { return self.deploy(order) };
        let mut last = None;
        for _ in 0..TRIES {
            let current = self.current();
            let document = self.merged(&seen, &current, order.document.clone())?;
            let attempt = Order {
                document,
                deployment: order.deployment,
                seen: Some(current.revision.rev.clone()),
                who: order.who.clone(),
                via: order.via,
                why: order.why.clone(),
                name: order.name.clone(),
                probation: order.probation,
            };
            match self.deploy(attempt) {
                Err(conflict @ Refusal::Conflict(_)) => last = Some(conflict),
                other => return other,
            }
        }
        Err(last.unwrap_or(Refusal::Unknown(0)))
    }

    fn merged(&self, seen: &str, current: &Current, mut mine: Document) -> Result<Document, Refusal> {
        if seen == current.revision.rev {
            return Ok(mine);
        }
        let brought = flow::split(&mut mine);
        let conflict = |since, clashes, diff| {
            Refusal::Conflict(Box::new(Conflict { revision: current.revision.clone(), diff, since, clashes }))
        };
        // Too long ago: nobody knows any more what was changed.
        let Some(base) = self.base(seen)? else {
            return Err(conflict(None, Vec::new(), Diff::between(&current.document, &mine)));
        };
        let ThreeWay { mut document, clashes } = flow::three_way(&base, &current.document, &mine);
        if !clashes.is_empty() {
            let since = Diff::between(&base, &current.document);
            return Err(conflict(Some(since), clashes, Diff::between(&current.document, &mine)));
        }
        flow::merge(&mut document, &brought);
        Ok(document)
    }

    /// What they have changed since a revision.
    pub(super) fn since(&self, seen: &str, current: &Current) -> Result<Option<Diff>, StoreError> {
        Ok(self.base(seen)?.map(|base| Diff::between(&base, &current.document)))
    }

    /// The document of a revision without secrets, as those have it who changed it.
    fn base(&self, seen: &str) -> Result<Option<Document>, StoreError> {
        let Some(number) = self.tools.config.number_of(seen)? else { return Ok(None) };
        Ok(self.tools.config.document(number)?.map(|(document, _)| document))
    }
}
