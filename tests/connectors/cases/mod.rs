//! What is asked of each connector.

mod deploys;
mod lifecycle;
mod outages;
mod slow;

use crate::subject::{Case, Subject};

/// Plays a case; it says what there is to note, and panics when something is not as it must be.
pub fn play(subject: &Subject, case: Case) -> String {
    match case {
        Case::OpenAndClose => lifecycle::open_and_close(subject),
        Case::ManyDeploys => deploys::many_deploys(subject),
        Case::Order => lifecycle::order(subject),
        Case::PeerComesLate => outages::peer_comes_late(subject),
        Case::Handshake => outages::handshake(subject),
        Case::Reset => outages::reset(subject),
        Case::Silence => outages::silence(subject),
        Case::GoneBeforeClose => outages::gone_before_close(subject),
        Case::Flapping => outages::flapping(subject),
        Case::SlowPeer => slow::slow_peer(subject),
        Case::BackOff => lifecycle::back_off(subject),
    }
}
