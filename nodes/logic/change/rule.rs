//! One rule of a change node.

use super::replace::{From, Search};
use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::Scope;
use crate::message::Message;
use crate::path::{ContextKey, Path};
use crate::typed::Typed;
use crate::value::{Object, Value};

pub enum Rule {
    Set {
        place: Place,
        to: To,
    },
    /// `to_bool`: the new value is a boolean, and stays one where it replaces all of a text.
    Change {
        place: Place,
        from: From,
        to: To,
        to_bool: bool,
    },
    Delete {
        place: Place,
    },
    /// `direct`: set first, then delete; otherwise the other way round.
    Move {
        place: Place,
        to: Place,
        direct: bool,
    },
}

/// Where a rule reads or writes.
pub enum Place {
    Msg(Path),
    Context(Scope, ContextKey),
}

pub enum To {
    /// `undefined`: setting it deletes.
    Nothing,
    Typed(Typed),
}

/// Why a rule is passed over: a parent of what it reads is not there. The rules behind it are applied.
struct Skip;

/// What came of writing a property.
#[derive(PartialEq)]
enum Written {
    Message,
    /// Nothing of the message: it was in a context, or there was nothing to delete.
    Nothing,
    /// Its parent is no object.
    Refused,
}

impl Rule {
    /// Settings of the environment stay what they are while the node runs.
    pub fn start(&mut self, cx: &Cx<'_>) -> Result<(), NodeError> {
        if let Rule::Set { to: To::Typed(typed), .. } | Rule::Change { to: To::Typed(typed), .. } = self
            && matches!(typed, Typed::Env(_))
        {
            let value = typed.eval(&Object::new(), cx)?;
            *typed = Typed::Constant(value.unwrap_or_default());
        }
        Ok(())
    }

    /// Applies the rule; whether it changed the message.
    pub fn apply(&self, message: &mut Message, cx: &mut Cx<'_>) -> Result<bool, NodeError> {
        match self {
            // Nearly every rule of nearly every flow.
            Rule::Set { place: Place::Msg(path), to: To::Typed(Typed::Constant(value)) }
                if path.is_plain() =>
            {
                if !path.put(&mut message.value, value.clone(), true) {
                    not_an_object(path, cx);
                }
                Ok(true)
            }
            Rule::Set { place, to } => match to.value(&message.value, cx)? {
                Ok(value) => place.set(message, value, cx),
                Err(Skip) => Ok(false),
            },
            Rule::Change { place, from, to, to_bool } => {
                let Ok(to) = to.value(&message.value, cx)? else { return Ok(false) };
                change(message, place, from, to.as_ref(), *to_bool, cx)
            }
            Rule::Delete { place } => Ok(place.write(message, None, cx)? == Written::Message),
            Rule::Move { place, to, direct: true } => {
                let mut changed = false;
                if let Ok(value) = place.read(&message.value, cx) {
                    changed = to.set(message, value, cx)?;
                }
                Ok(changed | (place.write(message, None, cx)? == Written::Message))
            }
            Rule::Move { place, to, direct: false } => {
                let value = place.read(&message.value, cx).unwrap_or(None);
                let deleted = place.write(message, None, cx)? == Written::Message;
                Ok(deleted | to.set(message, value, cx)?)
            }
        }
    }
}

fn change(
    message: &mut Message,
    place: &Place,
    from: &From,
    to: Option<&Value>,
    to_bool: bool,
    cx: &mut Cx<'_>,
) -> Result<bool, NodeError> {
    let looked;
    let search = match from {
        From::Fixed(search) => search,
        From::Looked(place) => {
            let found = match place {
                Place::Context(scope, key) if key.path.resolve(&message.value).is_ok() => {
                    cx.context_get(*scope, key, &message.value)?
                }
                place => match place.read(&message.value, cx) {
                    Ok(found) => found,
                    Err(Skip) => return Ok(false),
                },
            };
            match Search::of(found.as_ref()) {
                Ok(search) => {
                    looked = search;
                    &looked
                }
                Err(error) => {
                    // As in Node-RED: the error is told, and the message goes on.
                    cx.error(error, Some(message.clone()));
                    return Ok(false);
                }
            }
        }
    };
    let current = match place {
        Place::Context(scope, key) if key.path.resolve(&message.value).is_ok() => {
            cx.context_get(*scope, key, &message.value)?
        }
        place => place.read(&message.value, cx).unwrap_or(None),
    };
    // Only a message's text becomes a boolean; a context's stays text.
    let to_bool = to_bool && matches!(place, Place::Msg(_));
    let Some(current) = current else { return Ok(false) };
    match search.replace(&current, to, to_bool)? {
        Some(value) => Ok(place.write(message, value, cx)? == Written::Message),
        None => Ok(false),
    }
}

impl To {
    fn value(&self, msg: &Object, cx: &Cx<'_>) -> Result<Result<Option<Value>, Skip>, NodeError> {
        match self {
            To::Nothing => Ok(Ok(None)),
            To::Typed(Typed::Msg(path)) => Ok(path.get(msg, msg).map_err(|_| Skip)),
            To::Typed(Typed::Context(_, key)) if key.path.resolve(msg).is_err() => Ok(Err(Skip)),
            To::Typed(Typed::Context(scope, key)) => Ok(Ok(cx.context_get(*scope, key, msg).unwrap_or(None))),
            To::Typed(Typed::Jsonata(expression)) => match expression.eval(msg, cx) {
                Ok(value) => Ok(Ok(value)),
                Err(error) => {
                    Err(NodeError::rejected(format!("Invalid JSONata expression: {}", error.message())))
                }
            },
            To::Typed(typed) => Ok(Ok(typed.eval(msg, cx)?)),
        }
    }
}

impl Place {
    fn read(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, Skip> {
        match self {
            Place::Msg(path) => path.get(msg, msg).map_err(|_| Skip),
            Place::Context(_, key) if key.path.resolve(msg).is_err() => Err(Skip),
            Place::Context(scope, key) => Ok(cx.context_get(*scope, key, msg).unwrap_or(None)),
        }
    }

    /// Sets it, or deletes it for `undefined`, and warns where it cannot; whether the message changed.
    fn set(&self, message: &mut Message, value: Option<Value>, cx: &mut Cx<'_>) -> Result<bool, NodeError> {
        let written = self.write(message, value, cx)?;
        if let (Written::Refused, Place::Msg(path)) = (&written, self) {
            not_an_object(path, cx);
        }
        Ok(written == Written::Message)
    }

    /// The same without the warning. A path through a property of the message that is not there is passed over.
    fn write(&self, message: &mut Message, value: Option<Value>, cx: &Cx<'_>) -> Result<Written, NodeError> {
        match self {
            Place::Msg(path) => {
                let Ok(path) = path.resolve(&message.value) else { return Ok(Written::Nothing) };
                Ok(match value {
                    Some(value) => match path.put(&mut message.value, value, true) {
                        true => Written::Message,
                        false => Written::Refused,
                    },
                    None if path.take(&mut message.value) => Written::Message,
                    None if path.has_parent(&message.value) => Written::Nothing,
                    None => Written::Refused,
                })
            }
            Place::Context(_, key) if key.path.resolve(&message.value).is_err() => Ok(Written::Nothing),
            Place::Context(scope, key) => {
                cx.context_set(*scope, key, &message.value, value)?;
                Ok(Written::Nothing)
            }
        }
    }
}

fn not_an_object(path: &Path, cx: &mut Cx<'_>) {
    cx.warn(format!("Cannot set property of non-object type: {}", path.text()));
}
