//! A request and its answer, redirects and digest authentication on the way included.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Position, Url};

use super::digest;
use super::pool::{Pool, Sender};
use super::stream::Way;
use super::target::{Ask, answer_cookies};
use crate::value::{Object, Str, Value};

/// As many as Node-RED follows.
const REDIRECTS: usize = 21;

/// Why there is no answer: Node.js' code of it, and a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub code: &'static str,
    pub text: String,
}

impl Failure {
    pub fn new(code: &'static str, text: impl Into<String>) -> Failure {
        Failure { code, text: text.into() }
    }
}

pub struct Got {
    pub status: u16,
    /// Names in small letters, values as Latin-1.
    pub headers: Vec<(Str, Str)>,
    pub body: Vec<u8>,
    pub url: Url,
    pub redirects: Vec<Value>,
    /// Its share of what answers may hold, until the flow has it.
    pub _place: Option<OwnedSemaphorePermit>,
}

pub struct Client {
    pub way: Way,
    /// Nothing: each request has a connection of its own.
    pub pool: Option<Arc<Pool>>,
    /// What answers together may hold, in KiB.
    pub memory: Arc<Semaphore>,
    /// For digest authentication: chosen by us, different each time.
    pub cnonce: String,
}

impl Client {
    pub async fn run(self, ask: Ask) -> Result<Got, Failure> {
        let timeout = ask.timeout;
        let late = || Failure::new("ETIMEDOUT", format!("no whole answer within {} ms", timeout.as_millis()));
        tokio::time::timeout(timeout, self.follow(ask)).await.map_err(|_| late())?
    }

    async fn follow(&self, mut ask: Ask) -> Result<Got, Failure> {
        let mut redirects: Vec<Value> = Vec::new();
        let mut authorized = false;
        loop {
            let (response, sender) = self.send(&ask).await?;
            let (status, headers) = (response.status().as_u16(), pairs(&response));
            let header = |wanted: &str| {
                headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
            };
            if status == 401
                && !authorized
                && let Some((user, password)) = &ask.digest
                && let Some(answer) = headers.iter().filter(|(name, _)| name == "www-authenticate").find_map(
                    |(_, challenge)| {
                        digest::answer(challenge, &ask.method, target(&ask.url), user, password, &self.cnonce)
                    },
                )
            {
                authorized = true;
                ask.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
                ask.headers.push((Str::new("authorization"), Str::from(answer)));
                self.drain(response, sender).await;
                continue;
            }
            if ask.follow
                && matches!(status, 300..=303 | 307 | 308)
                && let Some(location) = header("location")
            {
                if redirects.len() == REDIRECTS {
                    return Err(Failure::new(
                        "ERR_TOO_MANY_REDIRECTS",
                        format!("Redirected {REDIRECTS} times. Aborting."),
                    ));
                }
                redirects.push(redirect_of(location, &headers));
                let next = ask.url.join(location);
                let next = next.ok().filter(|next| matches!(next.scheme(), "http" | "https"));
                let next = next.ok_or_else(|| {
                    Failure::new("ERR_UNSUPPORTED_PROTOCOL", format!("the redirect to {location} is no HTTP"))
                })?;
                redirect(&mut ask, next, status, answer_cookies(&headers));
                self.drain(response, sender).await;
                continue;
            }
            let (body, place) = self.read(response, &ask).await?;
            if let Some(pool) = &self.pool {
                pool.put_back(sender);
            }
            return Ok(Got { status, headers, body, url: ask.url, redirects, _place: place });
        }
    }

    /// Sends it, on a connection that is there already if it can be.
    async fn send(&self, ask: &Ask) -> Result<(Response<Incoming>, Sender), Failure> {
        let mut request = request(ask)?;
        loop {
            let kept = self.pool.as_ref().and_then(|pool| pool.take(&ask.url));
            let is_new = kept.is_none();
            let mut sender = match kept {
                Some(sender) => sender,
                None => Sender::connect(&ask.url, &self.way).await?,
            };
            match sender.send(request).await {
                Ok(response) => return Ok((response, sender)),
                // The server has closed it meanwhile, and not a byte was sent: a new one takes it.
                Err((_, Some(unsent))) if !is_new => request = unsent,
                Err((error, _)) => return Err(failed(&error)),
            }
        }
    }

    /// What stands between two requests on one connection. A large one is not worth it.
    async fn drain(&self, response: Response<Incoming>, sender: Sender) {
        const SMALL: usize = 64 * 1024;
        let mut body = response.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return };
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > SMALL {
                return;
            }
        }
        if let Some(pool) = &self.pool {
            pool.put_back(sender);
        }
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        ask: &Ask,
    ) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Failure> {
        let mut body = response.into_body();
        let mut read = Vec::new();
        let mut place: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| failed(&error))?;
            let Some(piece) = frame.data_ref() else { continue };
            if read.len() + piece.len() > ask.max {
                let text = format!("the answer is larger than {} bytes: raise \"most bytes\"", ask.max);
                return Err(Failure::new("ERR_BODY_TOO_LARGE", text));
            }
            let before = read.len().div_ceil(1024);
            read.extend_from_slice(piece);
            let more = (read.len().div_ceil(1024) - before) as u32;
            let more = self.memory.clone().try_acquire_many_owned(more);
            let more = more.map_err(|_| Failure::new("ENOBUFS", "too many large answers at once"))?;
            match &mut place {
                Some(place) => place.merge(more),
                None => place = Some(more),
            }
        }
        Ok((read, place))
    }
}

/// As Node.js says what goes wrong on a connection that stands.
fn failed(error: &hyper::Error) -> Failure {
    let io = std::error::Error::source(error).and_then(|inner| inner.downcast_ref::<std::io::Error>());
    if let Some(io) = io {
        return Failure::new(super::stream::code(io), format!("read {}: {io}", super::stream::code(io)));
    }
    if error.is_parse() {
        return Failure::new("HPE_INVALID", format!("Parse Error: {error}"));
    }
    Failure::new("ECONNRESET", format!("socket hang up: {error}"))
}

/// The path and query of a URL.
fn target(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}

fn request(ask: &Ask) -> Result<Request<Full<Bytes>>, Failure> {
    let body = Full::new(Bytes::from(ask.body.clone().unwrap_or_default()));
    let request = Request::builder().method(ask.method.as_str()).uri(target(&ask.url)).body(body);
    let mut request = request.map_err(|error| Failure::new("ERR_INVALID_URL", error.to_string()))?;
    let headers = request.headers_mut();
    for (name, value) in &ask.headers {
        let value: Vec<u8> = value.chars().filter_map(|char| u8::try_from(u32::from(char)).ok()).collect();
        // They were looked at when the request was made.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
    if !headers.contains_key(HOST) {
        let port = ask.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{}{port}", ask.url.host_str().unwrap_or_default());
        let host = HeaderValue::from_str(&host)
            .map_err(|error| Failure::new("ERR_INVALID_URL", error.to_string()))?;
        headers.insert(HOST, host);
    }
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION"))));
    }
    Ok(request)
}

fn pairs(response: &Response<Incoming>) -> Vec<(Str, Str)> {
    let latin =
        |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
    response
        .headers()
        .iter()
        .map(|(name, value)| (Str::new(name.as_str()), Str::from(latin(value))))
        .collect()
}

fn redirect_of(location: &str, headers: &[(Str, Str)]) -> Value {
    let mut redirect = Object::new();
    redirect.insert("location", location);
    if let Some(cookies) = answer_cookies(headers) {
        redirect.insert("cookies", cookies);
    }
    Value::Object(redirect)
}

/// As Node-RED: a 303 asks with GET, another server hears no secrets, and cookies come along.
fn redirect(ask: &mut Ask, next: Url, status: u16, cookies: Option<Object>) {
    if status == 303 && !matches!(ask.method.as_str(), "GET" | "HEAD") {
        ask.method = "GET".to_string();
        ask.body = None;
        ask.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    let is_other = next.host_str() != ask.url.host_str()
        || next.port_or_known_default() != ask.url.port_or_known_default();
    if is_other {
        ask.digest = None;
        ask.headers.retain(|(name, _)| {
            !matches!(name.to_ascii_lowercase().as_str(), "host" | "cookie" | "authorization")
        });
    } else if let Some(cookies) = cookies {
        let given = |name: &str, value: &Value| {
            format!(
                "{name}={}",
                super::form::encoded(&value.get("value").map(Value::to_text).unwrap_or_default())
            )
        };
        let new: Vec<String> = cookies.iter().map(|(name, value)| given(name, value)).collect();
        let names: Vec<String> = cookies.keys().map(|name| format!("{name}=")).collect();
        let before = ask.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        let kept = before.iter().flat_map(|(_, value)| value.split(';').map(str::trim));
        let kept =
            kept.filter(|pair| !names.iter().any(|name| pair.starts_with(name.as_str()))).map(str::to_string);
        let all: Vec<String> = kept.chain(new).collect();
        ask.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("cookie"));
        ask.headers.push((Str::new("cookie"), Str::from(all.join("; "))));
    }
    ask.url = next;
}
