//! Aids for whoever writes a node: what scripts can use, what is wrong with a piece of code, and what a node does.

use std::sync::LazyLock;

use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tidegate_nodes::function::reference::{self, Entry, Variable};
use tokio::sync::{Semaphore, oneshot};
use utoipa::ToSchema;

use super::super::access::{Deploy, Read};
use super::super::asked::Sent;
use super::super::fault::Fault;
use crate::flowtest::{self, Lang, MOST_MESSAGES, Mistake, Preview};

/// All that a function's script can use
#[derive(Serialize, ToSchema)]
pub struct Functions {
    #[schema(value_type = Vec<Object>)]
    functions: Vec<Entry>,
    /// As functions, with `of`: `node`, `context`, `env`, `number`, `string`, `array`, `map` or `blob`
    #[schema(value_type = Vec<Object>)]
    methods: Vec<Entry>,
    #[schema(value_type = Vec<Object>)]
    variables: &'static [Variable],
    keywords: &'static [&'static str],
}

/// What a script can use, for completion
#[utoipa::path(get, path = "/api/v1/functions/rhai", tag = "aids", responses((status = 200, body = Functions)))]
pub async fn functions(_: Read) -> Json<Functions> {
    let (functions, methods) = reference::entries().into_iter().partition(|entry| entry.of.is_empty());
    Json(Functions { functions, methods, variables: reference::VARIABLES, keywords: reference::KEYWORDS })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    lang: Lang,
    code: String,
    /// Of a function's script: `func`, `initialize` or `finalize`
    #[serde(default)]
    field: Field,
    /// The node as in a flow: a script may use its modules
    #[serde(default)]
    #[schema(value_type = Object)]
    node: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    #[default]
    Func,
    Initialize,
    Finalize,
}

#[derive(Serialize, ToSchema)]
pub struct Checked {
    problems: Vec<Mistake>,
}

/// What is wrong with a piece of code
#[utoipa::path(post, path = "/api/v1/check", tag = "aids", request_body = Code, responses((status = 200, body = Checked)))]
pub async fn check(_: Deploy, Sent(code): Sent<Code>) -> Result<Json<Checked>, Fault> {
    let field = match code.field {
        Field::Func => "func",
        Field::Initialize => "initialize",
        Field::Finalize => "finalize",
    };
    let problems = apart(move || flowtest::mistakes(code.lang, &code.code, field, &code.node)).await?;
    Ok(Json(Checked { problems }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// As in a flow
    #[schema(value_type = Object)]
    node: Map<String, Value>,
    /// 50 at the most
    #[schema(value_type = Vec<Object>)]
    messages: Vec<Map<String, Value>>,
}

/// What a node makes of a few messages, away from everything
///
/// No connector, no secret and no context of the gateway is in reach. It takes two seconds and gives 1 MiB at the most.
#[utoipa::path(post, path = "/api/v1/preview", tag = "aids", request_body = Trial, responses((status = 200, body = Preview)))]
pub async fn preview(_: Deploy, Sent(trial): Sent<Trial>) -> Result<Json<Preview>, Fault> {
    if trial.messages.len() > MOST_MESSAGES {
        let text = format!("at most {MOST_MESSAGES} messages can be tried at once");
        return Err(Fault::bad("too_many", text).pointer("/messages"));
    }
    let tried = apart(move || flowtest::preview(&trial.node, &trial.messages)).await?;
    tried.map(Json).map_err(|text| Fault::bad("cannot_be_tried", text).pointer("/node"))
}

/// Runs what is the user's own code on a thread of its own, with as much stack as lanes have; and few at once.
async fn apart<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, Fault> {
    static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));
    const STACK: usize = 16 * 1024 * 1024;
    let busy =
        |text: &str| Fault::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "busy", text).retry_after(1);
    let place = PLACES.try_acquire().map_err(|_| busy("others try something out just now"))?;
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        let _place = place;
        // Who asked may have gone.
        drop(sender.send(work()));
    };
    let started = std::thread::Builder::new().name("preview".to_string()).stack_size(STACK).spawn(work);
    started.map_err(|error| busy(&format!("no thread can be started: {error}")))?;
    receiver.await.map_err(|_| {
        let fault =
            Fault::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", "it could not be tried");
        fault.detail(json!({ "why": "the node panicked; this is a mistake in the node, please report it" }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(script: &str) -> Value {
        let node = json!({ "type": "function", "lang": "rhai", "func": script, "outputs": 1 });
        json!(flowtest::preview(node.as_object().unwrap(), &[Map::new()]).unwrap())
    }

    #[test]
    fn each_example_gives_what_is_said_of_it() {
        for entry in reference::entries() {
            assert!(!entry.doc.is_empty() && !entry.signatures.is_empty(), "{entry:?}");
            assert!(entry.example.contains(entry.name), "{entry:?}");
            let told = tried(&format!("let shown = {{ {} }}; #{{payload: shown}}", entry.example));
            let result = &told["results"][0];
            assert!(result.is_object(), "{}: {}", entry.example, told["problems"]);
            // The example of an error is one.
            assert!(entry.name == "error" || result.get("error").is_none(), "{}: {result}", entry.example);
            let sent = result["outputs"][0].as_array().unwrap();
            let payload =
                &sent.last().unwrap_or_else(|| panic!("{} gives nothing", entry.example))["payload"];
            if !entry.gives.is_empty() {
                let gives: Value = serde_json::from_str(entry.gives).unwrap();
                assert_eq!(*payload, gives, "{}", entry.example);
            }
        }
    }

    #[test]
    fn variables_are_there_and_keywords_cannot_be_names() {
        let none = Map::new();
        for variable in reference::VARIABLES {
            let code = format!("let x = {}; msg", variable.name);
            assert_eq!(flowtest::mistakes(Lang::Rhai, &code, "func", &none), [], "{}", variable.name);
        }
        for keyword in reference::KEYWORDS {
            let code = format!("let {keyword} = 1; msg");
            assert!(
                !flowtest::mistakes(Lang::Rhai, &code, "func", &none).is_empty(),
                "{keyword} could be a name"
            );
        }
        assert!(!flowtest::mistakes(Lang::Rhai, "let x = message; msg", "func", &none).is_empty());
    }
}
