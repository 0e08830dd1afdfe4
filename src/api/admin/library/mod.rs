//! `/library`: functions, templates and flows that people keep for another time, as files in `lib` of the data directory.

mod files;
mod header;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header as http};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::super::access::{Deploy, Read};
use super::super::asked::Named;
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use files::{Entry, Files, Path};

/// The one library that there is.
const LOCAL: &str = "local";
const FLOWS: &str = "flows";

pub async fn root(
    read: Read,
    gateway: State<Gateway>,
    Named((library, kind)): Named<(String, String)>,
) -> Result<Response<Body>, Fault> {
    entry(read, gateway, Named((library, kind, String::new()))).await
}

/// A file, or what is in a folder. A folder that is not there is empty, as in Node-RED.
pub async fn entry(
    _: Read,
    State(gateway): State<Gateway>,
    Named((library, kind, path)): Named<(String, String, String)>,
) -> Result<Response<Body>, Fault> {
    let is_folder = path.is_empty() || path.ends_with('/');
    let at = place(&library, &kind, path.trim_end_matches('/'))?;
    let files = Files::of(gateway.store.directory());
    let is_flows = kind == FLOWS;
    let found = blocking(move || -> Result<Option<Entry>, Fault> {
        match files.read(&at)? {
            None if is_flows && !is_folder && !path.ends_with(".json") => {
                Ok(files.read(&place(&library, &kind, &format!("{path}.json"))?)?)
            }
            found => Ok(found),
        }
    });
    match found.await?? {
        Some(Entry::Folder { folders, files }) => {
            let folders = folders.into_iter().map(Value::from);
            let files = files.into_iter().map(|(name, head)| {
                let mut about: Map<String, Value> =
                    header::read(&head).0.into_iter().map(|(key, value)| (key, json!(value))).collect();
                about.insert("fn".to_string(), json!(name));
                Value::Object(about)
            });
            Ok(Json(folders.chain(files).collect::<Vec<Value>>()).into_response())
        }
        Some(Entry::File(text)) => {
            let kind = if is_flows { "application/json" } else { "text/plain; charset=utf-8" };
            let body = if is_flows { text } else { header::read(&text).1.to_string() };
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(http::CONTENT_TYPE, HeaderValue::from_static(kind));
            Ok(response)
        }
        None if is_folder => Ok(Json(json!([])).into_response()),
        None => Err(Fault::not_found("there is no such entry in the library")),
    }
}

pub async fn save_nowhere(_: Deploy) -> Fault {
    Fault::bad("bad_path", "an entry needs a name: POST /library/local/functions/NAME")
}

pub async fn save(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named((library, kind, mut path)): Named<(String, String, String)>,
    body: Bytes,
) -> Result<StatusCode, Fault> {
    let sent: Value = serde_json::from_slice(&body)
        .map_err(|error| Fault::bad("bad_json", format!("this is not JSON: {error}")))?;
    let text = if kind == FLOWS {
        if !path.ends_with(".json") {
            path.push_str(".json");
        }
        sent.to_string()
    } else {
        header::write(sent)?
    };
    let at = place(&library, &kind, &path)?;
    let files = Files::of(gateway.store.directory());
    blocking(move || files.write(&at, text.as_bytes())).await??;
    gateway.note(&caller, "save to library", &format!("{kind}/{path}"), "");
    Ok(StatusCode::NO_CONTENT)
}

fn place(library: &str, kind: &str, path: &str) -> Result<Path, Fault> {
    if library != LOCAL {
        return Err(Fault::not_found(format!("there is no library {library:?}: {LOCAL} is the only one")));
    }
    Path::new(kind, path).map_err(|why| Fault::bad("bad_path", why))
}

impl From<files::Failure> for Fault {
    fn from(failure: files::Failure) -> Fault {
        match failure {
            files::Failure::Full(text) => Fault::new(StatusCode::CONFLICT, "library_full", text),
            files::Failure::InTheWay(text) => Fault::bad("bad_path", text),
            files::Failure::Io(error) => {
                let text = format!("the library cannot be read or written: {error}");
                let full = error.kind() == std::io::ErrorKind::StorageFull;
                let status =
                    if full { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
                Fault::new(status, "library", text)
            }
        }
    }
}
