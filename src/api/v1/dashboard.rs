//! The dashboard: what is on its pages, and what its buttons and sliders do.

use std::collections::{BTreeMap, HashMap};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value as AnyJson;
use tidegate_nodes::dashboard::{self as widgets, arrange};
use tidegate_nodes::node::Action;
use tidegate_nodes::value::{Object, Str, Value};
use utoipa::ToSchema;

use super::super::access::{Dashboard as MayLook, Operate as MayOperate};
use super::super::asked::{Named, Sent};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::super::presses::Pressed;
use crate::access::Permission;

/// Pages, groups and widgets in their order.
#[derive(Serialize, ToSchema)]
pub struct Dashboard {
    #[serde(flatten)]
    #[schema(value_type = DashboardPages)]
    pages: widgets::Dashboard,
    /// The gateway's clock, by which the values of widgets have their time.
    now_ms: i64,
    /// Whether who asks may use buttons and sliders.
    may_operate: bool,
}

/// What `arrange` gives.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes what nodes/dashboard gives")]
pub struct DashboardPages {
    name: String,
    pages: Vec<DashboardPage>,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes what nodes/dashboard gives")]
pub struct DashboardPage {
    /// Empty for the page of widgets that are on none.
    id: String,
    name: String,
    path: String,
    visible: bool,
    disabled: bool,
    groups: Vec<DashboardGroup>,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes what nodes/dashboard gives")]
pub struct DashboardGroup {
    id: String,
    name: String,
    /// In columns.
    width: u8,
    show_title: bool,
    visible: bool,
    disabled: bool,
    /// Each with its `id`, `type`, properties and what it shows now.
    widgets: Vec<HashMap<String, AnyJson>>,
}

/// What there is on the dashboard now
///
/// The live socket tells what changes (`"dashboard": true`).
#[utoipa::path(get, path = "/api/v1/dashboard", tag = "dashboard", responses((status = 200, body = Dashboard)))]
pub async fn dashboard(
    MayLook(caller): MayLook,
    State(gateway): State<Gateway>,
) -> Result<Json<Dashboard>, Fault> {
    let may_operate = caller.known.may(Permission::Operate);
    let pages = blocking(move || arranged(&gateway)).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    Ok(Json(Dashboard { pages, now_ms, may_operate }))
}

fn arranged(gateway: &Gateway) -> widgets::Dashboard {
    let screens = gateway.deployer.engine().screens().all();
    let shown: BTreeMap<Str, Object> =
        screens.into_iter().filter_map(|(node, screen)| Some((node, screen.look(&mut None)?))).collect();
    let current = gateway.deployer.current();
    let nodes = &current.document.nodes;
    let places: HashMap<&str, usize> = nodes.iter().map(|node| (node.id.as_str(), node.index)).collect();
    // A widget inside of a subflow instance stands where the instance does.
    let place = |id: &str| {
        let instance = id.split_once('-').and_then(|(instance, _)| places.get(instance));
        places.get(id).or(instance).copied().unwrap_or(usize::MAX)
    };
    let configs = nodes
        .iter()
        .filter(|node| !node.disabled)
        .map(|node| (node.id.as_str(), node.type_name.as_str(), &node.properties));
    arrange(configs, shown, place)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Operate {
    /// What a slider is set to; nothing for a button.
    #[serde(default)]
    value: AnyJson,
    /// It is being moved, and the number at which it is let go follows: only that one is written to the audit.
    #[serde(default)]
    sliding: bool,
}

/// Presses a button, or moves a slider
///
/// A client can do so 20 times at once, and 10 times a second. The first press stands in the audit at once, those that
/// follow it within a minute as a sum.
#[utoipa::path(post, path = "/api/v1/dashboard/{id}", tag = "dashboard", params(("id" = String, Path, description = "Of the widget")), request_body = Operate, responses((status = 204, description = "Its node has been told")))]
pub async fn operate(
    MayOperate(caller): MayOperate,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
    Sent(asked): Sent<Operate>,
) -> Result<StatusCode, Fault> {
    let unknown = || Fault::not_found(format!("there is no widget {id:?} on the dashboard"));
    gateway.presses.admit(&caller.known.id, Instant::now()).map_err(|seconds| {
        let text = "this is pressed faster than it is taken: nothing was done";
        Fault::new(StatusCode::TOO_MANY_REQUESTS, "too_fast", text).retry_after(seconds)
    })?;
    let engine = gateway.deployer.engine();
    let accepted = engine.screens().accepts(&id, &Value::from(&asked.value)).ok_or_else(unknown)?;
    let value = accepted
        .map_err(|why| Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "not_accepted", why).pointer("/value"))?;
    let detail = if value.is_null() { String::new() } else { value.to_json() };
    if !engine.act(&id, Action::Operate(value)) {
        return Err(unknown());
    }
    if !asked.sliding {
        let presses = gateway.presses.clone();
        let (who, origin) = (caller.name().to_string(), caller.from.to_string());
        let pressed = Pressed { who, origin, widget: id };
        tokio::task::spawn_blocking(move || presses.note(pressed, &detail, Instant::now()));
    }
    Ok(StatusCode::NO_CONTENT)
}
