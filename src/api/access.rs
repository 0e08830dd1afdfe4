//! Who asks: by a token in `Authorization: Bearer`, or by the cookie of a browser that has logged in. What a request needs
//! stands in the arguments of whoever serves it, so that nothing is served without having been asked for it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::fault::Fault;
use super::gateway::{Gateway, blocking};
use crate::access::{Caller as Known, Moment, Permission, Refused, Rights, Role};

/// The cookie of a session.
const COOKIE: &str = "tidegate";

/// Who asks, and from where.
#[derive(Clone)]
pub struct Caller {
    pub known: Arc<Known>,
    pub from: IpAddr,
}

impl Caller {
    pub fn name(&self) -> &str {
        &self.known.name
    }

    /// What Node-RED's tools call it.
    pub fn node_red_permissions(&self) -> &'static str {
        match self.known.rights {
            Rights::Person { role: Role::Dashboard | Role::Viewer, .. } => "read",
            Rights::Person { .. } => "*",
            Rights::Machine(_) if self.known.may(Permission::Deploy) => "*",
            Rights::Machine(_) => "read",
        }
    }
}

macro_rules! needs {
    ($($name:ident)*) => {$(
        pub struct $name(pub Caller);

        impl FromRequestParts<Gateway> for $name {
            type Rejection = Fault;

            async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<$name, Fault> {
                allowed(parts, gateway, Permission::$name).await.map($name)
            }
        }
    )*};
}

needs! { Read Inject Deploy Admin Dashboard Operate }

/// For what is only looked at: that they may is all there is to know.
macro_rules! looks {
    ($($name:ident)*) => {$(
        pub struct $name;

        impl FromRequestParts<Gateway> for $name {
            type Rejection = Fault;

            async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<$name, Fault> {
                allowed(parts, gateway, Permission::$name).await.map(|_| $name)
            }
        }
    )*};
}

looks! { Payloads Metrics }

async fn allowed(parts: &Parts, gateway: &Gateway, needed: Permission) -> Result<Caller, Fault> {
    let from = from(parts);
    let Some(secret) = secret(parts)? else { return Err(nobody()) };
    let access = gateway.access.clone();
    let known = blocking(move || access.caller_of(&secret, Moment::now())).await??;
    let known = known.ok_or_else(nobody)?;
    if !known.may(needed) {
        let text = format!("{} may not do that: it needs the permission {needed:?}", known.name);
        return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", text)
            .hint("an admin can change it: tidegate passwd NAME --role editor"));
    }
    Ok(Caller { known, from })
}

fn nobody() -> Fault {
    Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", "log in first")
        .hint("POST /auth/token, or send a token of `tidegate token create` as Authorization: Bearer")
}

/// The other end of the connection.
#[derive(Clone, Copy)]
pub struct Peer {
    pub at: SocketAddr,
    /// Nobody listens in.
    pub is_secure: bool,
}

pub fn from(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<Peer>();
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.at.ip().to_canonical())
}

/// What a request brings along to show who asks.
pub fn secret(parts: &Parts) -> Result<Option<String>, Fault> {
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = bearer
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
    {
        return Ok(Some(token.1.trim().to_string()));
    }
    let Some(cookie) = cookie(&parts.headers) else { return Ok(None) };
    // A browser sends the cookie whoever made it ask.
    let is_look =
        matches!(parts.method, Method::GET | Method::HEAD) && !parts.headers.contains_key(header::UPGRADE);
    if !is_look && !is_own_origin(&parts.headers) {
        return Err(Fault::new(
            StatusCode::FORBIDDEN,
            "origin",
            "this was asked for by a page of another origin",
        ));
    }
    Ok(Some(cookie))
}

/// Has a browser keep a session: not for scripts, and not sent along where another page leads here.
pub fn keep(secret: &str, parts: &Parts) -> Option<HeaderValue> {
    set_cookie(&format!("{COOKIE}={secret}"), parts)
}

/// Has a browser forget it.
pub fn forget(parts: &Parts) -> Option<HeaderValue> {
    set_cookie(&format!("{COOKIE}=; Max-Age=0"), parts)
}

fn set_cookie(cookie: &str, parts: &Parts) -> Option<HeaderValue> {
    let is_secure = parts.extensions.get::<Peer>().is_some_and(|peer| peer.is_secure);
    let secure = if is_secure { "; Secure" } else { "" };
    let mut value =
        HeaderValue::from_str(&format!("{cookie}; Path=/; HttpOnly; SameSite=Strict{secure}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_string())
}

/// Whether the page that asks was served by this gateway.
pub fn is_own_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    let of = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    of.is_some_and(|of| of.eq_ignore_ascii_case(host))
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Fault {
        let text = refused.to_string();
        match refused {
            Refused::Wrong | Refused::Link => Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", text),
            Refused::Wait { seconds } => {
                Fault::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", text).retry_after(seconds)
            }
            Refused::Busy { seconds } => {
                Fault::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text).retry_after(seconds)
            }
            Refused::SetUpAlready => Fault::new(StatusCode::CONFLICT, "set_up_already", text),
            Refused::Invalid(_) => Fault::bad("invalid", text),
            Refused::Store(error) => error.into(),
        }
    }
}
