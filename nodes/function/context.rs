//! `context`, `flow`, `global` and `env`: what is around the node.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, NativeCallContext};

use super::api::getter;
use super::call::{self, Outcome};
use super::engine::function;
use crate::error::NodeError;
use crate::host::{Scope, Surroundings};
use crate::path::{ContextKey, Path};
use crate::value::{Object, Str, Value};

/// One of the constants `context`, `flow` and `global`.
#[derive(Debug, Clone, Copy)]
pub struct ContextApi(pub Scope);

/// The constant `env`.
#[derive(Debug, Clone, Copy)]
pub struct EnvApi;

/// What is around, unless a context is locked: the function given to `update` must not wait for itself.
fn around() -> Outcome<Arc<dyn Surroundings>> {
    call::within(|call| {
        if call.updating {
            return Err("contexts cannot be used inside update".into());
        }
        call.around.clone().ok_or_else(|| "not available here".into())
    })
}

fn key(text: &str, store: Option<&str>) -> Outcome<ContextKey> {
    // Nearly every key is a plain name, which needs no parsing.
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !text.is_empty();
    let mut key = if plain {
        ContextKey { store: None, path: Path::key(text) }
    } else {
        ContextKey::parse(text).map_err(raised)?
    };
    if let Some(store) = store {
        key.store = Some(Str::new(store));
    }
    Ok(key)
}

fn raised(error: NodeError) -> Box<rhai::EvalAltResult> {
    error.message().to_string().into()
}

fn get(scope: Scope, name: &str, store: Option<&str>) -> Outcome<Dynamic> {
    let value = around()?.context_get(scope, &key(name, store)?, &Object::new()).map_err(raised)?;
    match value {
        Some(value) => call::within(|call| call.dynamic(&value)),
        None => Ok(Dynamic::UNIT),
    }
}

/// `()` deletes.
fn stored(value: &Dynamic) -> Outcome<Option<Value>> {
    if value.is_unit() { Ok(None) } else { call::within(|call| call.value(value)).map(Some) }
}

fn set(scope: Scope, name: &str, value: &Dynamic, store: Option<&str>) -> Outcome<()> {
    let value = stored(value)?;
    around()?.context_set(scope, &key(name, store)?, &Object::new(), value).map_err(raised)
}

fn get_many(scope: Scope, names: &Array, store: Option<&str>) -> Outcome<Array> {
    names.iter().map(|name| get(scope, &name_of(name)?, store)).collect()
}

fn set_many(scope: Scope, names: &Array, values: &Array, store: Option<&str>) -> Outcome<()> {
    for (at, name) in names.iter().enumerate() {
        set(scope, &name_of(name)?, values.get(at).unwrap_or(&Dynamic::UNIT), store)?;
    }
    Ok(())
}

fn name_of(name: &Dynamic) -> Outcome<ImmutableString> {
    name.clone().into_immutable_string().map_err(|found| format!("a key is a string, not {found}").into())
}

fn keys(scope: Scope, store: Option<&str>) -> Outcome<Array> {
    let keys = around()?.context_keys(scope, store).map_err(raised)?;
    Ok(keys.iter().map(|key| Dynamic::from(ImmutableString::from(key.as_str()))).collect())
}

/// Reads, computes and writes with nothing in between, also against functions in other tabs. When the function fails
/// nothing is written.
fn update(
    context: &NativeCallContext<'_>,
    scope: Scope,
    name: &str,
    change: &FnPtr,
    store: Option<&str>,
) -> Outcome<Dynamic> {
    let (around, key) = (around()?, key(name, store)?);
    let mut result: Outcome<Dynamic> = Ok(Dynamic::UNIT);
    call::with(|call| call.updating = true)?;
    let locked = around.context_update(scope, &key, &mut |old| {
        let run = || {
            let before = match &old {
                Some(old) => call::within(|call| call.dynamic(old))?,
                None => Dynamic::UNIT,
            };
            let after: Dynamic = change.call_within_context(context, (before,))?;
            Ok((stored(&after)?, after))
        };
        match run() {
            Ok((value, after)) => {
                result = Ok(after);
                value
            }
            Err(error) => {
                result = Err(error);
                old
            }
        }
    });
    call::with(|call| call.updating = false)?;
    locked.map_err(raised)?;
    result
}

fn env(name: &str) -> Outcome<Dynamic> {
    match around()?.env(name) {
        Some(value) => call::within(|call| call.dynamic(&value)),
        None => Ok(Dynamic::UNIT),
    }
}

pub fn register(engine: &mut Engine) {
    type Context = ContextApi;
    engine.register_type_with_name::<ContextApi>("context").register_type_with_name::<EnvApi>("env");
    function(engine, "get", |c: &mut Context, name: &str| get(c.0, name, None));
    function(engine, "get", |c: &mut Context, name: &str, store: &str| get(c.0, name, Some(store)));
    function(engine, "get", |c: &mut Context, names: Array| get_many(c.0, &names, None));
    function(engine, "get", |c: &mut Context, names: Array, store: &str| get_many(c.0, &names, Some(store)));
    function(engine, "set", |c: &mut Context, name: &str, value: Dynamic| set(c.0, name, &value, None));
    function(engine, "set", |c: &mut Context, name: &str, value: Dynamic, store: &str| {
        set(c.0, name, &value, Some(store))
    });
    function(engine, "set", |c: &mut Context, names: Array, values: Array| {
        set_many(c.0, &names, &values, None)
    });
    function(engine, "set", |c: &mut Context, names: Array, values: Array, store: &str| {
        set_many(c.0, &names, &values, Some(store))
    });
    function(engine, "keys", |c: &mut Context| keys(c.0, None));
    function(engine, "keys", |c: &mut Context, store: &str| keys(c.0, Some(store)));
    function(engine, "update", |native: NativeCallContext<'_>, c: &mut Context, name: &str, f: FnPtr| {
        update(&native, c.0, name, &f, None)
    });
    function(
        engine,
        "update",
        |native: NativeCallContext<'_>, c: &mut Context, name: &str, f: FnPtr, store: &str| {
            update(&native, c.0, name, &f, Some(store))
        },
    );
    getter(engine, "flow", |_: &mut Context| ContextApi(Scope::Flow));
    getter(engine, "global", |_: &mut Context| ContextApi(Scope::Global));
    function(engine, "get", |_: &mut EnvApi, name: &str| env(name));
    function(engine, "env", |name: &str| env(name));
}
