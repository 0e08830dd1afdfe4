//! What must survive: logs, outboxes, state and the ledger.

pub mod block;
pub mod salvage;
pub mod schema;
