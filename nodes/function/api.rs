//! `node`: what a script says and sends, and who it is.

use rhai::{Dynamic, Engine, FuncRegistration, ImmutableString, Map};

use super::call::{self, Action, Outcome, Phase};
use super::engine::function;
use crate::host::{Level, Status};
use crate::value::{Object, Value};

/// The constant `node` of a script.
#[derive(Debug, Clone, Copy)]
pub struct NodeApi;

fn send(_: &mut NodeApi, what: Dynamic) -> Outcome<()> {
    call::within(|call| match call.phase {
        Phase::Close => call.act(Action::Error("Cannot send from close function".into(), None)),
        _ => call.send(&what, None),
    })
}

fn status(_: &mut NodeApi, what: Dynamic) -> Outcome<()> {
    call::within(|call| {
        let status = match call.value(&what)? {
            Value::Object(object) => Status::from_object(&object),
            Value::Null => Status::clear(),
            // As in Node-RED, a text or number is the text of the badge.
            value => Status::text(value.to_text()),
        };
        call.act(Action::Status(status))
    })
}

fn log(level: Level) -> impl Fn(&mut NodeApi, Dynamic) -> Outcome<()> + Send + Sync + 'static {
    move |_, what| {
        call::within(|call| {
            let text = call.text(&what);
            call.act(Action::Log(level, text))
        })
    }
}

fn error(what: &Dynamic, about: Option<&Map>) -> Outcome<()> {
    call::within(|call| {
        let about: Option<Object> = about.map(|map| call.sources.object(map)).transpose()?;
        let text = call.text(what);
        call.act(Action::Error(text, about))
    })
}

pub fn register(engine: &mut Engine) {
    engine.register_type_with_name::<NodeApi>("node");
    function(engine, "send", send);
    // Node-RED's second argument says whether to clone; here nobody can see the difference.
    function(engine, "send", |node: &mut NodeApi, what: Dynamic, _clone: bool| send(node, what));
    function(engine, "done", |_: &mut NodeApi| call::with(|call| call.done = true));
    function(engine, "status", status);
    function(engine, "status", |node: &mut NodeApi| status(node, Dynamic::UNIT));
    for (name, level) in [("log", Level::Info), ("warn", Level::Warn), ("trace", Level::Debug)] {
        function(engine, name, log(level));
    }
    // The interpreter itself takes what any function of this name returns to the log (`on_debug`), and it has to be text.
    function(engine, "debug", |_: &mut NodeApi, what: Dynamic| {
        call::within(|call| call.of_node().map(|()| call.text(&what)))
    });
    function(engine, "error", |_: &mut NodeApi, what: Dynamic| error(&what, None));
    function(engine, "error", |_: &mut NodeApi, what: Dynamic, about: Map| error(&what, Some(&about)));
    getter(engine, "id", |_: &mut NodeApi| call::with(|call| ImmutableString::from(call.id.as_str())));
    getter(engine, "name", |_: &mut NodeApi| call::with(|call| ImmutableString::from(call.name.as_str())));
    getter(engine, "outputCount", |_: &mut NodeApi| call::with(|call| call.outputs as i64));
    function(engine, "now", || call::within(|call| call.now()));
    function(engine, "random", || {
        call::within(|call| Ok((call.random()? >> 11) as f64 / (1u64 << 53) as f64))
    });
    function(engine, "random", |from: i64, to: i64| -> Outcome<i64> {
        let Some(span) = to.checked_sub(from).and_then(|span| u64::try_from(span).ok()) else {
            return Err(format!("random({from}, {to}): the first number must not be above the second").into());
        };
        call::within(|call| match span.checked_add(1) {
            Some(count) => Ok(from.wrapping_add((call.random()? % count) as i64)),
            None => Ok(call.random()? as i64),
        })
    });
    function(engine, "new_id", || call::within(|call| Ok(format!("{:016x}", call.random()?))));
}

pub fn getter<A: 'static, const X: bool, R, const F: bool, FUNC>(engine: &mut Engine, name: &str, get: FUNC)
where
    R: Clone + Send + Sync + 'static,
    FUNC: rhai::RhaiNativeFunc<A, 1, X, R, F> + Send + Sync + 'static,
{
    FuncRegistration::new_getter(name).register_into_engine(engine, get);
}
