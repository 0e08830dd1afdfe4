//! The gateway's own API: deploys with probation, revisions, and how it fares.

mod deploys;
mod revisions;
mod session;
mod status;

use axum::Router;
use axum::routing::{get, post};

use super::gateway::Gateway;

pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/api/v1/session", get(session::who).post(session::log_in).delete(session::log_out))
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/audit", get(status::audit))
        .route("/api/v1/flows", get(deploys::flows))
        .route("/api/v1/validate", post(deploys::validate))
        .route("/api/v1/deploy", post(deploys::deploy))
        .route("/api/v1/revisions", get(revisions::all))
        .route("/api/v1/revisions/{number}", get(revisions::one))
        .route("/api/v1/revisions/{number}/flows", get(revisions::flows))
        .route("/api/v1/revisions/{number}/diff", get(revisions::diff))
        .route("/api/v1/revisions/{number}/rollback", post(revisions::roll_back))
        .route("/api/v1/revisions/{number}/confirm", post(revisions::confirm))
}
