//! Node-RED's Admin API, so that its tools work against this gateway.

mod context;
mod flow;
mod flows;
mod library;
mod login;
mod nodes;
mod touch;

use axum::Router;
use axum::routing::{get, post};

use super::gateway::Gateway;

/// What Node-RED this speaks like, for tools that ask.
pub const NODE_RED: &str = "4.1.0";

pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/auth/login", get(login::scheme))
        .route("/auth/token", post(login::token))
        .route("/auth/revoke", post(login::revoke))
        .route("/settings", get(nodes::settings))
        .route("/diagnostics", get(nodes::diagnostics))
        .route("/flows", get(flows::all).post(flows::deploy))
        .route("/flows/state", get(flows::state).post(flows::set_state))
        .route("/flow", post(flow::add))
        .route("/flow/{id}", get(flow::one).put(flow::replace).delete(flow::remove))
        .route("/nodes", get(nodes::all).post(nodes::install))
        .route("/nodes/{*name}", get(nodes::one).put(nodes::change).delete(nodes::change))
        .route("/context/global", get(context::global))
        .route("/context/global/{key}", get(context::global_key).delete(context::delete_global_key))
        .route("/context/{scope}/{id}", get(context::of))
        .route("/context/{scope}/{id}/{key}", get(context::key).delete(context::delete_key))
        .route("/library/{library}/{type}", get(library::root).post(library::save_nowhere))
        .route("/library/{library}/{type}/", get(library::root).post(library::save_nowhere))
        .route("/library/{library}/{type}/{*path}", get(library::entry).post(library::save))
        .route("/inject/{id}", post(touch::inject))
        .route("/debug/{id}/{state}", post(touch::debug))
        .route("/credentials/{type}/{id}", get(touch::credentials))
}
