//! Alarms that stand. No node raises any yet, so there are none; the resource is agreed, so that editors can be made for it.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::access::{Deploy, Read};
use super::super::asked::{Named, Sent};
use super::super::fault::Fault;

#[derive(Serialize, ToSchema)]
pub struct Alarm {
    id: String,
    /// The node that raised it.
    node: String,
    /// What it is about: the alarm of one key is raised and cleared.
    key: String,
    severity: AlarmSeverity,
    message: String,
    raised_ms: i64,
    cleared_ms: Option<i64>,
    acknowledged_ms: Option<i64>,
    acknowledged_by: Option<String>,
    /// Not shown until then.
    shelved_until_ms: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "no node raises alarms yet")]
pub enum AlarmSeverity {
    Critical,
    Major,
    Minor,
    Warning,
}

/// Alarms that stand, or were not acknowledged yet
#[utoipa::path(get, path = "/api/v1/alarms", tag = "alarms", responses((status = 200, body = Vec<Alarm>)))]
pub async fn all(_: Read) -> Json<Vec<Alarm>> {
    Json(Vec::new())
}

/// Somebody has seen it
#[utoipa::path(post, path = "/api/v1/alarms/{id}/acknowledge", tag = "alarms", params(("id" = String, Path)), responses((status = 204, description = "It is acknowledged")))]
pub async fn acknowledge(_: Deploy, Named(id): Named<String>) -> Result<StatusCode, Fault> {
    Err(unknown(&id))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shelve {
    /// For so long it is not shown: a week at the most.
    #[schema(minimum = 1, maximum = 604_800)]
    seconds: u32,
}

/// It is not shown for a while
#[utoipa::path(post, path = "/api/v1/alarms/{id}/shelve", tag = "alarms", params(("id" = String, Path)), request_body = Shelve, responses((status = 204, description = "It is shelved")))]
pub async fn shelve(
    _: Deploy,
    Named(id): Named<String>,
    Sent(shelve): Sent<Shelve>,
) -> Result<StatusCode, Fault> {
    if !(1..=604_800).contains(&shelve.seconds) {
        let text = "an alarm is shelved for 1 to 604800 seconds";
        return Err(Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "out_of_range", text).pointer("/seconds"));
    }
    Err(unknown(&id))
}

fn unknown(id: &str) -> Fault {
    Fault::not_found(format!("there is no alarm {id:?}"))
}
