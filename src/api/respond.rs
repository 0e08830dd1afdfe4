//! One request: who serves it, its body within bounds, and its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::response::IntoResponse;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tidegate_nodes::value::Str;
use tidegate_nodes::web::{self, Answer, Head};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::Shared;
use super::access::Peer;
use super::fault::Fault;
use super::gateway::Own;
use super::routes::{Found, Route};

/// A body comes within so long, and each piece of it within so long.
const BODY: Duration = Duration::from_secs(300);
const PIECE: Duration = Duration::from_secs(30);
/// A request whose node has gone is given so long to be answered by the rest of its flow.
const ORPHANED: Duration = Duration::from_secs(5);

type Answering = Response<axum::body::Body>;

pub async fn respond(request: Request<Incoming>, from: Peer, shared: &Arc<Shared>) -> Answering {
    let head = Arc::new(head_of(&request, from.at));
    if let Some(answer) = health(&head, shared) {
        return response(answer);
    }
    if Own::serves(head.path()) {
        return own(request, from, shared).await;
    }
    if is_upgrade(request.headers())
        && let Some(sockets) = shared.routes.sockets(&head)
    {
        return match sockets.upgrade(&head) {
            Ok(upgrade) => take_over(request, upgrade),
            Err(answer) => response(answer),
        };
    }
    match shared.routes.requests(&head) {
        Found::Requests(route, requests, params) => {
            if !requests.has_room() {
                return response(Answer::busy());
            }
            let has_body = !matches!(*request.method(), Method::GET | Method::HEAD);
            let (body, place) = match has_body {
                false => (Vec::new(), None),
                true => match read_body(request.into_body(), shared).await {
                    Ok(read) => read,
                    Err(answer) => return response(closing(answer)),
                },
            };
            let waiting = shared.exchanges.enter(route.number);
            let request = web::Request { id: waiting.id.clone(), head, params, body, place: Box::new(place) };
            if let Err(answer) = requests.take(request) {
                shared.exchanges.forget(&waiting.id);
                return response(answer);
            }
            response(answer_to(waiting, &route).await)
        }
        Found::Nobody => response(nobody(&head, shared)),
    }
}

/// What is the gateway's own. Its bodies are bounded as all are.
async fn own(request: Request<Incoming>, from: Peer, shared: &Arc<Shared>) -> Answering {
    let Some(own) = shared.own.get() else { return response(Answer::busy()) };
    let (head, body) = request.into_parts();
    let (body, _place) = match head.method {
        Method::GET | Method::HEAD => (Vec::new(), None),
        _ => match read_body(body, shared).await {
            Ok(read) => read,
            Err(answer) => return refused(&answer),
        },
    };
    own.respond(Request::from_parts(head, axum::body::Body::from(body)), from).await
}

/// A body that was not taken, told as the API tells everything.
fn refused(answer: &Answer) -> Answering {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_REQUEST);
    let text = String::from_utf8_lossy(&answer.body).trim_end().to_string();
    let code = match answer.status {
        408 => "too_slow",
        413 => "too_large",
        503 => "busy",
        _ => "bad_body",
    };
    let mut fault = Fault::new(status, code, text);
    if answer.status == 503 {
        fault = fault.retry_after(1);
    }
    let mut response = fault.into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn answer_to(mut waiting: super::exchanges::Waiting, route: &Route) -> Answer {
    let late = async {
        route.ended().await;
        tokio::time::sleep(ORPHANED).await;
    };
    tokio::select! {
        biased;
        // The sender goes without an answer only when the request is forgotten.
        answer = &mut waiting.answer => answer.unwrap_or_else(|_| Answer::busy()),
        () = late => Answer::text(503, "the flow has changed, try again\n"),
    }
}

/// What the gateway says of itself.
fn health(head: &Head, shared: &Shared) -> Option<Answer> {
    let (status, text) = match head.path() {
        "/health/live" => (200, "live\n"),
        "/health/ready" if shared.ready.load(Ordering::Relaxed) => (200, "ready\n"),
        "/health/ready" => (503, "not ready\n"),
        _ => return None,
    };
    Some(match head.method.as_str() {
        "GET" | "HEAD" => Answer::text(status, text),
        _ => with_header(Answer::text(405, "only GET and HEAD\n"), "allow", "GET, HEAD"),
    })
}

/// As Express: OPTIONS says what there is, everything else is not found.
fn nobody(head: &Head, shared: &Shared) -> Answer {
    if head.method == "OPTIONS" {
        let methods = shared.routes.methods(head).join(",");
        if !methods.is_empty() {
            return with_header(Answer::text(200, &methods), "allow", &methods);
        }
    }
    Answer::text(404, "nothing is served here\n")
}

fn with_header(mut answer: Answer, name: &str, value: &str) -> Answer {
    answer.headers.push((Str::new(name), Str::new(value)));
    answer
}

/// The rest of the body is not read, so nothing can follow on the connection.
fn closing(answer: Answer) -> Answer {
    with_header(answer, "connection", "close")
}

fn head_of<B>(request: &Request<B>, peer: SocketAddr) -> Head {
    let latin =
        |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
    Head {
        method: Str::new(request.method().as_str()),
        target: request
            .uri()
            .path_and_query()
            .map_or_else(|| Str::new("/"), |target| Str::new(target.as_str())),
        version: if request.version() == Version::HTTP_10 { "1.0" } else { "1.1" },
        headers: request
            .headers()
            .iter()
            .map(|(name, value)| (Str::new(name.as_str()), Str::from(latin(value))))
            .collect(),
        peer,
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let wants =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("upgrade"));
    headers.contains_key(UPGRADE) && headers.get_all(CONNECTION).iter().any(wants)
}

fn take_over(mut request: Request<Incoming>, upgrade: web::Upgrade) -> Answering {
    let upgraded = hyper::upgrade::on(&mut request);
    // It ends when its node closes it, or the connection: the node has bounds for both.
    tokio::spawn(async move {
        match upgraded.await {
            Ok(stream) => (upgrade.run)(Box::new(TokioIo::new(stream))).await,
            Err(error) => tracing::debug!("a connection ended before it was taken over: {error}"),
        }
    });
    response(Answer { status: 101, headers: upgrade.headers, body: Arc::new([]) })
}

async fn read_body(
    mut body: Incoming,
    shared: &Shared,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Answer> {
    let limit = shared.options.body_limit;
    let too_large = || Answer::text(413, "the body is too large\n");
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut read = Vec::new();
    let mut place: Option<OwnedSemaphorePermit> = None;
    let whole = async {
        while let Some(frame) = timeout(PIECE, body.frame()).await.map_err(|_| late())? {
            let frame = frame.map_err(|_| Answer::text(400, "the body is not complete\n"))?;
            let Some(piece) = frame.data_ref() else { continue };
            if read.len() + piece.len() > limit {
                return Err(too_large());
            }
            let before = read.len().div_ceil(1024);
            read.extend_from_slice(piece);
            let more = (read.len().div_ceil(1024) - before) as u32;
            let more = shared.bodies.clone().try_acquire_many_owned(more).map_err(|_| Answer::busy())?;
            match &mut place {
                Some(place) => place.merge(more),
                None => place = Some(more),
            }
        }
        Ok(())
    };
    timeout(BODY, whole).await.map_err(|_| late())??;
    Ok((read, place))
}

fn late() -> Answer {
    Answer::text(408, "the body takes too long\n")
}

fn response(answer: Answer) -> Answering {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(axum::body::Body::from(Bytes::from_owner(answer.body)));
    *response.status_mut() = status;
    for (name, value) in answer.headers {
        // The length is that of the body, whatever the flow says.
        if matches!(name.as_str(), "content-length" | "transfer-encoding") {
            continue;
        }
        // Latin-1, as it came in: what does not fit is UTF-8.
        let bytes: Option<Vec<u8>> = value.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect();
        let value = HeaderValue::from_bytes(&bytes.unwrap_or_else(|| value.as_bytes().to_vec()));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
