//! The flow document: Node-RED's flow JSON from text to the flat graph that the engine runs.
//!
//! ```text
//! text -> Document::parse -> Document -> check -> Plan (what runs) + Problems (what is wrong, and where)
//! ```
//!
//! Nothing in here opens, spawns or waits. A document that has a problem of severity `Error` is not to be run;
//! a `Disabled` node is left out of the plan, and the rest runs.

#[cfg(test)]
mod check_tests;
mod credentials;
mod deploy;
mod describe;
mod diff;
mod diff_text;
mod document;
mod env;
mod expand;
mod fingerprint;
#[cfg(test)]
mod fuzz_tests;
mod index;
mod instance;
mod model;
mod order;
mod plan;
#[cfg(test)]
mod plan_tests;
mod problem;
mod secrets_file;
mod settings;
mod substitute;
mod suggest;
mod text;
mod three_way;
mod validate;

pub use credentials::{Credentials, drop_empty, merge, redact, split};
pub use deploy::{Deployment, Restart};
pub use describe::describe;
pub use diff::{Change, Diff, NodeDiff, PropertyChange, WireChange};
pub use env::{EnvChain, ProcessEnv};
pub use model::{Document, FlowNode, Limits};
pub use plan::{LanePlan, Plan, PlanKind, PlanNode, SubflowInfo};
pub use problem::{Problem, Severity};
pub use suggest::nearest;
pub use three_way::{Clash, ThreeWay, three_way};
pub use validate::{check, is_known_type, validate};
