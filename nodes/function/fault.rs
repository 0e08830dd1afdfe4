//! What went wrong in a script, in words for the person who wrote it, with line and column.

use rhai::{EvalAltResult, ParseError, Position};

use super::guard::{Budget, OUT_OF_OPERATIONS, OUT_OF_TIME};
use crate::value::Value;

/// A mistake in the text of a script.
pub fn syntax(error: &ParseError) -> String {
    let ParseError(kind, at) = error;
    format!("{}{}", lower(kind.to_string()), place(*at, None))
}

/// What stopped a script that ran.
pub fn runtime(error: EvalAltResult, budget: &Budget) -> String {
    let mut error = error;
    let mut outer = Position::NONE;
    let mut module = None;
    // The innermost place is the one to look at.
    loop {
        error = match error {
            EvalAltResult::ErrorInFunctionCall(_, source, inner, at) => {
                module = Some(source).filter(|source| !source.is_empty()).or(module);
                outer = if at.is_none() { outer } else { at };
                *inner
            }
            EvalAltResult::ErrorInModule(name, inner, at) => {
                module = Some(name).filter(|name| !name.is_empty()).or(module);
                outer = if at.is_none() { outer } else { at };
                *inner
            }
            error => {
                let at = if error.position().is_none() { outer } else { error.position() };
                return format!("script error: {}{}", words(error, budget), place(at, module.as_deref()));
            }
        };
    }
}

fn words(mut error: EvalAltResult, budget: &Budget) -> String {
    error.clear_position();
    match &error {
        EvalAltResult::ErrorTerminated(reason, _) => match reason.as_int() {
            Ok(OUT_OF_OPERATIONS) => {
                format!("it took more than {} operations: is there a loop without an end?", budget.operations)
            }
            Ok(OUT_OF_TIME) => format!("Script execution timed out after {}ms", budget.time.as_millis()),
            _ => "it was stopped".to_string(),
        },
        EvalAltResult::ErrorRuntime(thrown, _) => thrown_text(thrown),
        EvalAltResult::ErrorDotExpr(text, _) if text.contains("for type '()'") => {
            let property = text.split('\'').nth(1).unwrap_or_default();
            format!("'{property}' of a value that is not there: write ?. where it may be missing")
        }
        EvalAltResult::ErrorDotExpr(text, _) => {
            let mut quoted = text.split('\'').skip(1).step_by(2);
            match (quoted.next(), quoted.next()) {
                (Some(property), Some(of)) => format!("{} has no property '{property}'", plain_types(of)),
                _ => lower(text.clone()),
            }
        }
        EvalAltResult::ErrorFunctionNotFound(text, _) if text.starts_with("anon$") => {
            let given = text.split_once(' ').map_or("", |(_, given)| given);
            format!("a closure takes another number of values than it is given: {}", plain_types(given))
        }
        EvalAltResult::ErrorFunctionNotFound(text, _) => {
            format!("there is no function {}", plain_types(text))
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => format!("{} too large", lower(what.clone())),
        EvalAltResult::ErrorDataRace(..) => {
            "a closure uses a variable that is being worked on: put what it needs into a variable of its own first"
                .to_string()
        }
        EvalAltResult::ErrorStackOverflow(_) => "functions call each other too deep".to_string(),
        EvalAltResult::ErrorMismatchDataType(..)
        | EvalAltResult::ErrorMismatchOutputType(..)
        | EvalAltResult::ErrorIndexingType(..) => lower(plain_types(&error.to_string())),
        _ => lower(error.to_string()),
    }
}

/// What `throw` was given: its text, or the message of an object as JavaScript's errors have one.
fn thrown_text(thrown: &rhai::Dynamic) -> String {
    if thrown.is_unit() {
        return "the script threw ()".to_string();
    }
    let text = super::call::with(|call| match call.value(thrown) {
        Ok(Value::Object(object)) => match object.get("message") {
            Some(Value::Str(message)) => message.to_string(),
            _ => Value::Object(object).to_json(),
        },
        _ => call.text(thrown),
    });
    text.unwrap_or_else(|_| thrown.to_string())
}

/// The interpreter names types as Rust does.
fn plain_types(text: &str) -> String {
    text.replace("&str | ImmutableString | String", "string")
        .replace("i64", "int")
        .replace("f64", "float")
        .replace("for type '()'", "for ()")
}

/// Where it was, for the end of a sentence.
pub fn place(at: Position, module: Option<&str>) -> String {
    let module = module.map_or_else(String::new, |name| format!(" in module {name}"));
    match (at.line(), at.position()) {
        (Some(line), Some(column)) => format!("{module} (line {line}, column {column})"),
        (Some(line), None) => format!("{module} (line {line})"),
        _ => module,
    }
}

fn lower(text: String) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // "BLOB", "EOF" stay as they are.
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text,
    }
}
