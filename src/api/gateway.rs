//! What the gateway itself serves beside the routes of nodes: its API, the editor, and the page on which the first admin is
//! made.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use tower::ServiceExt;

use super::access::{Caller, Peer};
use super::fault::Fault;
use super::live::{self, Hub};
use super::presses::Presses;
use super::{admin, editor, metrics, set_up, v1};
use crate::access::Access;
use crate::deploy::Deployer;
use crate::store::Store;

/// What the API works on.
#[derive(Clone)]
pub struct Gateway {
    pub deployer: Arc<Deployer>,
    pub access: Arc<Access>,
    pub store: Arc<Store>,
    /// Who watches.
    pub live: Arc<Hub>,
    /// What people do on the dashboard.
    pub presses: Arc<Presses>,
}

impl Gateway {
    /// Writes down who did what, beside the answer to it.
    pub fn note(&self, caller: &Caller, action: &'static str, about: &str, detail: &str) {
        let (config, caller) = (self.deployer.config().clone(), caller.clone());
        let (about, detail) = (about.to_string(), detail.to_string());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = config.note(caller.name(), &caller.from.to_string(), action, &about, &detail)
            {
                tracing::warn!("{action} of {} cannot be written to the audit: {error}", caller.name());
            }
        });
    }
}

/// Work that waits for the disk or the processor, away from the threads of connections.
pub async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!("a request failed: {error}");
        Fault::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "this failed; the log of the gateway says why",
        )
    })
}

/// The first parts of paths that are the gateway's own, the editor's apart. Nodes cannot be served there.
const OWN: &[&str] = &[
    "api",
    "auth",
    "comms",
    "context",
    "credentials",
    "debug",
    "diagnostics",
    "flow",
    "flows",
    "inject",
    "library",
    "metrics",
    "nodes",
    "set-up",
    "settings",
];

pub struct Own {
    gateway: Gateway,
    body_limit: usize,
    /// Made when it is asked for first: a board that nobody asks starts sooner.
    router: OnceLock<Router>,
}

impl Own {
    pub fn new(gateway: Gateway, body_limit: usize) -> Own {
        Own { gateway, body_limit, router: OnceLock::new() }
    }

    fn router(&self) -> Router {
        let made = || {
            Router::new()
                .merge(admin::router())
                .merge(set_up::router())
                .merge(editor::router())
                .merge(v1::served().into_parts().0)
                .route("/comms", get(live::comms))
                .route("/metrics", get(metrics::metrics))
                .fallback(nothing)
                .method_not_allowed_fallback(not_so)
                .layer(DefaultBodyLimit::max(self.body_limit))
                .layer(middleware::map_response(secured))
                .with_state(self.gateway.clone())
        };
        self.router.get_or_init(made).clone()
    }

    pub fn serves(path: &str) -> bool {
        let first = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
        OWN.contains(&first) || editor::serves(path)
    }

    /// Says goodbye to those that watch.
    pub fn stop(&self) {
        self.gateway.live.stop();
        self.gateway.presses.flush();
    }

    pub async fn respond(&self, mut request: Request<Body>, from: Peer) -> Response<Body> {
        request.extensions_mut().insert(from);
        match self.router().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

async fn nothing() -> Fault {
    Fault::not_found("nothing is served here")
}

async fn not_so() -> Fault {
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this is not served by this method")
}

/// What browsers are told about everything that is the gateway's own.
async fn secured(mut response: Response<Body>) -> impl IntoResponse {
    const HEADERS: [(header::HeaderName, &str); 6] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ];
    // Then what stands is what came with the answer that the browser has.
    if response.status() == StatusCode::NOT_MODIFIED {
        return response;
    }
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
