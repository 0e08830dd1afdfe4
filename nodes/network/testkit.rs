//! What the tests of these nodes share.

use std::time::Duration;

use crate::lines::testkit::TestHost;

/// Nothing takes so long, unless it never comes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The port that a node says that it has.
pub fn port_of(host: &TestHost) -> u16 {
    let logs = host.logs.lock().unwrap();
    let said = logs.iter().find_map(|(_, text)| text.rsplit_once("port ")?.1.parse().ok());
    said.expect("it says its port")
}
