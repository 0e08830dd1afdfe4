//! What others take for the same work, measured in the same run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::gateway::TIDEGATE;
use crate::report::Row;

/// Figures by the name of the work; why there are none where there are none.
#[derive(Default)]
pub struct Yardsticks {
    pub floor: BTreeMap<String, f64>,
    pub node_red: BTreeMap<String, f64>,
}

impl Yardsticks {
    pub fn floor(&self, work: &str) -> Option<f64> {
        self.floor.get(work).copied()
    }

    pub fn node_red(&self, work: &str) -> Option<f64> {
        self.node_red.get(work).copied()
    }

    /// Says in a row how it compares.
    pub fn compare(&self, mut row: Row, figure: f64, work: &str) -> Row {
        if let Some(floor) = self.floor(work) {
            let name = format!("{work}: floor");
            row = row.note(format!("{} x floor", times(figure / floor))).detail(&name, floor);
        }
        if let Some(node_red) = self.node_red(work) {
            let name = format!("{work}: Node-RED");
            row = row
                .note(format!("{} x less than Node-RED", times(node_red / figure)))
                .detail(&name, node_red);
        }
        row
    }
}

/// A ratio.
pub fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}") } else { format!("{ratio:.1}") }
}

/// A floor program: it was built into the same folder as the gateway.
pub fn floor_program(name: &str) -> Result<std::path::PathBuf, String> {
    let file = Path::new(TIDEGATE).with_file_name(name);
    let hint = || format!("no {name}: cargo build --release -p tidegate-floor");
    if file.is_file() { Ok(file) } else { Err(hint()) }
}

/// The work of the chains by hand.
pub fn floor_of_chains() -> anyhow::Result<BTreeMap<String, f64>> {
    let program = floor_program("floor-chain").map_err(anyhow::Error::msg)?;
    let output = Command::new(&program).output().context("floor-chain")?;
    serde_json::from_slice(&output.stdout).context("what floor-chain printed")
}
