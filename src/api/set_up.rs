//! The first start: a link that works once leads to a page on which the first admin is made.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::access::{from, keep};
use super::fault::Fault;
use super::gateway::{Gateway, blocking};
use crate::access::Moment;

pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/set-up", get(page).post(set_up))
        .route("/set-up/page.js", get(script))
        .route("/set-up/page.css", get(style))
}

async fn page() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("set_up/page.html"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("set_up/page.js"))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("set_up/page.css"))
}

#[derive(Deserialize)]
struct First {
    /// Of the link.
    token: String,
    username: String,
    password: String,
}

async fn set_up(State(gateway): State<Gateway>, parts: Parts, body: Bytes) -> Result<Response, Fault> {
    let first: First = serde_json::from_slice(&body).map_err(|error| {
        Fault::bad("bad_json", format!("token, username and password are asked for: {error}"))
    })?;
    let (access, from) = (gateway.access.clone(), from(&parts));
    let make = move || access.set_up(&first.token, &first.username, &first.password, from, Moment::now());
    let (caller, secret) = blocking(make).await??;
    let mut answer = (StatusCode::CREATED, Json(json!({ "username": caller.name }))).into_response();
    if let Some(cookie) = keep(secret.text(), &parts) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}
