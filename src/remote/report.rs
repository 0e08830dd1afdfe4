//! What a gateway says about itself and the bundle that it has last seen to.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is there and has seen no bundle.
    #[default]
    Online,
    /// Said by the broker: it is away.
    Offline,
    Receiving,
    Deploying,
    Probation,
    /// The flows of the bundle run and are healthy.
    Good,
    /// They ran and were taken back.
    Failed,
    /// They were never run.
    Refused,
}

impl State {
    /// Nothing more comes of the bundle.
    pub fn is_verdict(self) -> bool {
        matches!(self, State::Good | State::Failed | State::Refused)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Online => "online",
            State::Offline => "offline",
            State::Receiving => "receiving",
            State::Deploying => "deploying",
            State::Probation => "probation",
            State::Good => "good",
            State::Failed => "failed",
            State::Refused => "refused",
        })
    }
}

/// As it stands in the status of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    pub state: State,
    /// The bundle that it is about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// The number of the revision in which its flows run or ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Chunks: `3/12`; or seconds of the probation: `10 s of 30 s`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub progress: String,
    /// Of tidegate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

impl Report {
    pub fn of(state: State) -> Report {
        Report { state, ..Report::default() }
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts have a JSON form")
    }
}
