//! The functions of maps, for maps that stand for an object: as the interpreter's own, plus what is not in them yet.

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

use super::call::{self, Outcome};
use super::engine::{change, function};
use super::value::{SOURCE, Sources, Unfit, absent, is_absent};

type Key = rhai::Identifier;

impl Sources {
    /// The keys as a script sees them: those of the object in its order, then those that were added.
    pub fn keys(&self, map: &Map) -> Vec<Key> {
        let source = self.of(map);
        let mut keys: Vec<Key> = Vec::with_capacity(source.map_or(0, |s| s.len()) + map.len());
        if let Some(source) = source {
            let there = |key: &str| key != SOURCE && !map.get(key).is_some_and(is_absent);
            keys.extend(source.keys().filter(|key| there(key)).map(|key| Key::from(key.as_str())));
        }
        let added = map.iter().filter(|(key, value)| {
            *key != SOURCE && !is_absent(value) && source.is_none_or(|source| !source.contains_key(key))
        });
        keys.extend(added.map(|(key, _)| key.clone()));
        keys
    }

    pub fn entries(&mut self, map: &Map) -> Result<Vec<(Key, Dynamic)>, Unfit> {
        let keys = self.keys(map);
        keys.into_iter().map(|key| self.get(map, &key).map(|value| (key, value))).collect()
    }

    pub fn contains(&self, map: &Map, key: &str) -> bool {
        match map.get(key) {
            Some(value) => key != SOURCE && !is_absent(value),
            None => self.of(map).is_some_and(|source| source.contains_key(key)),
        }
    }

    fn len(&self, map: &Map) -> usize {
        let source = self.of(map);
        let mut len = source.map_or(0, |source| source.len());
        for (key, value) in map.iter().filter(|(key, _)| *key != SOURCE) {
            match (source.is_some_and(|source| source.contains_key(key)), is_absent(value)) {
                (true, true) => len -= 1,
                (false, false) => len += 1,
                _ => {}
            }
        }
        len
    }

    fn get(&mut self, map: &Map, key: &str) -> Result<Dynamic, Unfit> {
        match map.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.property(map, key),
        }
    }
}

fn entries(map: &Map) -> Outcome<Vec<(Key, Dynamic)>> {
    call::within(|call| Ok(call.sources.entries(map)?))
}

fn set(map: &mut Map, key: &str, value: Dynamic) {
    if key != SOURCE {
        map.insert(key.into(), value);
    }
}

fn remove(map: &mut Map, key: &str) -> Outcome<Dynamic> {
    let value = call::within(|call| Ok(call.sources.get(map, key)?))?;
    // The object that the map stands for still has it.
    if map.contains_key(SOURCE) {
        set(map, key, absent());
    } else {
        map.remove(key);
    }
    Ok(if is_absent(&value) { Dynamic::UNIT } else { value })
}

fn mix(into: &mut Map, from: &Map) -> Outcome<()> {
    for (key, value) in entries(from)? {
        set(into, &key, value);
    }
    Ok(())
}

fn equal(a: &Map, b: &Map) -> Outcome<bool> {
    call::within(|call| Ok(call.sources.object(a)? == call.sources.object(b)?))
}

fn json(map: &Map) -> Outcome<ImmutableString> {
    call::within(|call| Ok(crate::value::Value::Object(call.sources.object(map)?).to_json().into()))
}

/// For printing, where an error would hide what was printed.
fn shown(map: &Map) -> ImmutableString {
    json(map).unwrap_or_else(|_| "#{...}".into())
}

/// Splits the entries by what a function `|key, value|` says of them.
fn split(context: &NativeCallContext<'_>, map: &Map, f: &FnPtr) -> Outcome<(Map, Map)> {
    let (mut yes, mut no) = (Map::new(), Map::new());
    for (key, value) in entries(map)? {
        let kept: bool =
            f.call_within_context(context, (ImmutableString::from(key.as_str()), value.clone()))?;
        if kept { &mut yes } else { &mut no }.insert(key, value);
    }
    Ok((yes, no))
}

pub fn register(engine: &mut Engine) {
    function(engine, "len", |map: &mut Map| call::with(|call| call.sources.len(map) as i64));
    function(engine, "is_empty", |map: &mut Map| call::with(|call| call.sources.len(map) == 0));
    function(engine, "contains", |map: &mut Map, key: &str| {
        call::with(|call| call.sources.contains(map, key))
    });
    function(engine, "get", |map: &mut Map, key: &str| -> Outcome<Dynamic> {
        call::within(|call| Ok(call.sources.get(map, key)?))
    });
    change(engine, "set", |map: &mut Map, key: &str, value: Dynamic| set(map, key, value));
    change(engine, "remove", remove);
    change(engine, "clear", |map: &mut Map| map.clear());
    function(engine, "keys", |map: &mut Map| -> Outcome<Array> {
        call::with(|call| {
            call.sources
                .keys(map)
                .iter()
                .map(|key| Dynamic::from(ImmutableString::from(key.as_str())))
                .collect()
        })
    });
    function(engine, "values", |map: &mut Map| -> Outcome<Array> {
        Ok(entries(map)?.into_iter().map(|(_, value)| value).collect())
    });
    for name in ["mixin", "+="] {
        change(engine, name, |map: &mut Map, other: Map| mix(map, &other));
    }
    function(engine, "+", |mut map: Map, other: Map| -> Outcome<Map> {
        mix(&mut map, &other)?;
        Ok(map)
    });
    change(engine, "fill_with", |map: &mut Map, other: Map| -> Outcome<()> {
        for (key, value) in entries(&other)? {
            if !call::with(|call| call.sources.contains(map, &key))? {
                set(map, &key, value);
            }
        }
        Ok(())
    });
    function(engine, "==", |a: &mut Map, b: Map| equal(a, &b));
    function(engine, "!=", |a: &mut Map, b: Map| -> Outcome<bool> { Ok(!equal(a, &b)?) });
    function(engine, "map", |context: NativeCallContext<'_>, map: &mut Map, f: FnPtr| -> Outcome<Map> {
        let mut mapped = Map::new();
        for (key, value) in entries(map)? {
            let value: Dynamic =
                f.call_within_context(&context, (ImmutableString::from(key.as_str()), value))?;
            mapped.insert(key, value);
        }
        Ok(mapped)
    });
    function(engine, "filter", |context: NativeCallContext<'_>, map: &mut Map, f: FnPtr| -> Outcome<Map> {
        Ok(split(&context, map, &f)?.0)
    });
    change(engine, "retain", |context: NativeCallContext<'_>, map: &mut Map, f: FnPtr| -> Outcome<Map> {
        let (kept, gone) = split(&context, map, &f)?;
        *map = kept;
        Ok(gone)
    });
    change(engine, "drain", |context: NativeCallContext<'_>, map: &mut Map, f: FnPtr| -> Outcome<Map> {
        let (gone, kept) = split(&context, map, &f)?;
        *map = kept;
        Ok(gone)
    });
    function(engine, "to_json", |map: &mut Map| json(map));
    for name in ["print", "to_string", "debug", "to_debug"] {
        function(engine, name, |map: &mut Map| shown(map));
    }
}
