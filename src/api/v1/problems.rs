//! What is wrong: in the flows as they stand, and with nodes as they run.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::access::Read;
use super::super::gateway::Gateway;
use crate::access::Permission;
use crate::flow::Problem;

#[derive(Serialize, ToSchema)]
pub struct Problems {
    /// Of the flows, as `validate` finds them.
    flows: Vec<Problem>,
    nodes: Vec<NodeTrouble>,
    /// Of the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
}

/// A node that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeTrouble {
    pub id: String,
    /// As a person knows it.
    pub node: String,
    pub state: NodeState,
    /// Why it is away or has stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// For how long it has been away, when this is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub away_ms: Option<Lasting>,
    /// That no catch node took, since it was started.
    pub errors: u64,
    /// It may tell what a message said, so it is here only for who may see that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Milliseconds that go on: two are the same while nothing but time has passed, so that nobody is told anew.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct Lasting(u64);

impl Lasting {
    pub fn since(at: Instant) -> Lasting {
        Lasting(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

impl PartialEq for Lasting {
    fn eq(&self, _: &Lasting) -> bool {
        true
    }
}

impl Eq for Lasting {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// Until it is deployed again.
    Stopped,
    /// From its other side; it tries again and again.
    Away,
    /// It runs, and had errors.
    Errors,
}

/// What is wrong now
#[utoipa::path(get, path = "/api/v1/problems", tag = "gateway", responses((status = 200, body = Problems)))]
pub async fn problems(Read(caller): Read, State(gateway): State<Gateway>) -> Json<Problems> {
    let health = gateway.store.health();
    Json(Problems {
        flows: gateway.deployer.current().problems.clone(),
        nodes: troubles(&gateway, caller.known.may(Permission::Payloads)),
        store: health.trouble.or(health.warning),
    })
}

/// The nodes that are not as they should be, the worst first.
pub fn troubles(gateway: &Gateway, sees_payloads: bool) -> Vec<NodeTrouble> {
    let mut all: Vec<NodeTrouble> = Vec::new();
    for (id, vital) in gateway.deployer.vitals().all() {
        let (state, why) = match (vital.stopped, vital.away, vital.errors) {
            (Some(why), _, _) => (NodeState::Stopped, Some(why)),
            (None, Some(why), _) => (NodeState::Away, Some(why)),
            (None, None, 1..) => (NodeState::Errors, None),
            (None, None, 0) => continue,
        };
        let last_error = (sees_payloads && !vital.last_error.is_empty()).then_some(vital.last_error);
        let id = id.to_string();
        let away_ms = vital.away_since.filter(|_| state == NodeState::Away).map(Lasting::since);
        all.push(NodeTrouble { id, node: vital.node, state, why, away_ms, errors: vital.errors, last_error });
    }
    all.sort_by(|a, b| (a.state as u8, &a.id).cmp(&(b.state as u8, &b.id)));
    all
}
