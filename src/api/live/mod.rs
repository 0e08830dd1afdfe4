//! What happens, as it happens: the live socket of the editor, and Node-RED's `/comms` for its tools. Nothing in here may
//! slow a message down: the engine looks at one number, and what a client does not take in time is left out and counted.
//!
//! ```text
//! engine -> Hub (an observer: is anybody there?) -> Feed (one client's queue, bounded) -> comms, own -> socket
//! ```

mod comms;
mod dashboard;
mod encode;
mod feed;
mod guard;
mod hub;
mod messages;
mod metrics;
mod own;
mod presence;
mod queues;
mod recent;
mod socket;
mod telling;
mod topic;
mod wants;

#[cfg(test)]
mod tests;

pub use comms::comms;
pub use hub::Hub;
pub use messages::{Said, Told};
pub use own::{__path_live, live};
