//! The editor in the browser: its pages and files, which stand in the program itself. They are for everybody, since a page
//! has to be there before somebody can log in on it, and nothing in it tells of this gateway.

mod files;
mod kind;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

use super::fault::Fault;
use super::gateway::Gateway;
use files::{EMBEDDED, File, find};

/// Where a page has the word that lets its own styles pass and no others.
const NONCE: &str = "__NONCE__";
/// The page where the program was built without the editor.
const MISSING: &str = include_str!("missing.html");

/// Whether a path is the editor's. Everything else at the top stays free for nodes.
pub fn serves(path: &str) -> bool {
    matches!(path, "/" | "/dashboard" | "/favicon.ico" | "/favicon.svg") || path.starts_with("/editor/")
}

/// Whether the program has it.
pub fn is_there() -> bool {
    find(EMBEDDED, "index.html").is_some()
}

pub fn router() -> Router<Gateway> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { page(EMBEDDED, "index.html", &headers) }))
        .route(
            "/dashboard",
            get(|headers: HeaderMap| async move { page(EMBEDDED, "dashboard.html", &headers) }),
        )
        .route("/favicon.ico", get(|headers: HeaderMap| async move { icon(EMBEDDED, &headers) }))
        .route("/favicon.svg", get(|headers: HeaderMap| async move { icon(EMBEDDED, &headers) }))
        .route("/editor/{*name}", get(asset))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response<Body>, Fault> {
    lasting(EMBEDDED, &format!("editor/{name}"), &headers)
}

/// A page, with the word of this answer in it.
fn page(files: &[File], name: &str, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
    let (html, tag) = match find(files, name) {
        Some(file) => {
            if has(headers, file.tag) {
                return Ok(unchanged(file.tag));
            }
            (String::from_utf8(file.content()?).map_err(|_| broken(name))?, Some(file.tag))
        }
        None => (MISSING.to_string(), None),
    };
    let nonce = nonce()?;
    let mut response = Response::new(Body::from(html.replace(NONCE, &nonce)));
    put(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8")?;
    put(&mut response, header::CONTENT_SECURITY_POLICY, &policy(&nonce))?;
    put(&mut response, header::CACHE_CONTROL, "no-cache")?;
    if let Some(tag) = tag {
        put(&mut response, header::ETAG, &quoted(tag))?;
    }
    Ok(response)
}

/// A file whose name changes with its content: a browser need not ask again.
fn lasting(files: &[File], name: &str, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
    let file = find(files, name).ok_or_else(|| Fault::not_found("the editor has no such file"))?;
    let mut response = content(file, headers)?;
    put(&mut response, header::CACHE_CONTROL, "public, max-age=31536000, immutable")?;
    Ok(response)
}

fn icon(files: &[File], headers: &HeaderMap) -> Result<Response<Body>, Fault> {
    let Some(file) = find(files, "favicon.svg") else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    if has(headers, file.tag) {
        return Ok(unchanged(file.tag));
    }
    let mut response = content(file, headers)?;
    put(&mut response, header::CACHE_CONTROL, "no-cache")?;
    put(&mut response, header::ETAG, &quoted(file.tag))?;
    Ok(response)
}

fn content(file: &File, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
    let packed = takes_gzip(headers);
    let body = if packed { Body::from(file.gzip) } else { Body::from(file.content()?) };
    let mut response = Response::new(body);
    put(&mut response, header::CONTENT_TYPE, kind::of(file.name))?;
    put(&mut response, header::VARY, "accept-encoding")?;
    if packed {
        put(&mut response, header::CONTENT_ENCODING, "gzip")?;
    }
    Ok(response)
}

/// What a page may do: nothing but what the editor needs. The styles of the code editor are made in the page, under the
/// word of the answer; nodes have their places by the attribute `style`. Sockets to the same origin are `'self'` too.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; \
         img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html"
    )
}

/// 128 bits that nobody can guess.
fn nonce() -> Result<String, Fault> {
    let mut bits = [0; 16];
    SystemRandom::new().fill(&mut bits).map_err(|_| {
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the system has no random numbers")
    })?;
    Ok(STANDARD.encode(bits))
}

/// The browser goes on with what it has, and with the policy that came with it: a new word would not be in that page.
fn unchanged(tag: &str) -> Response<Body> {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, quoted(tag)), (header::CACHE_CONTROL, "no-cache".to_string())])
        .into_response()
}

fn has(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(','));
    known.any(|known| {
        matches!(known.trim().trim_start_matches("W/").trim_matches('"'), "*") || known.contains(tag)
    })
}

fn quoted(tag: &str) -> String {
    format!("\"{tag}\"")
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        matches!(name.trim().to_ascii_lowercase().as_str(), "gzip" | "x-gzip" | "*") && !refused
    })
}

fn put(response: &mut Response<Body>, name: HeaderName, value: &str) -> Result<(), Fault> {
    let value = HeaderValue::from_str(value).map_err(|_| broken(value))?;
    response.headers_mut().insert(name, value);
    Ok(())
}

fn broken(name: &str) -> Fault {
    Fault::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        format!("{name} is damaged in this program: install it again"),
    )
}

#[cfg(test)]
mod tests;
