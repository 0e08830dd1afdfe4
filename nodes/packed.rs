//! [`Value`] to MessagePack and back: the form in which the store keeps messages. Unlike JSON it has bytes, and every
//! number comes back to the last bit.

use rmp::Marker;
use rmp::encode::{self, RmpWrite};
use thiserror::Error;

use crate::value::{Object, Str, Value};

/// What stands there is no value: damaged, cut off, or written by something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PackError {
    #[error("the value is cut off")]
    CutOff,
    #[error("no value begins with the byte {0:#04x}")]
    Unknown(u8),
    #[error("the text is not UTF-8")]
    NotText,
    #[error("the key of an object is no text")]
    NotAKey,
    #[error("values are nested more than {MAX_DEPTH} deep")]
    TooDeep,
}

/// A message that came in as JSON nests no deeper than 128; scripts may add as much again.
const MAX_DEPTH: usize = 512;

/// Appends a value.
pub fn pack(value: &Value, out: &mut Vec<u8>) {
    write(value, out).expect("writing to memory cannot fail");
}

/// Appends an object.
pub fn pack_object(object: &Object, out: &mut Vec<u8>) {
    write_object(object, out).expect("writing to memory cannot fail");
}

type Written = Result<(), encode::ValueWriteError<<Vec<u8> as RmpWrite>::Error>>;

fn write(value: &Value, out: &mut Vec<u8>) -> Written {
    match value {
        Value::Null => encode::write_nil(out).map_err(encode::ValueWriteError::InvalidMarkerWrite)?,
        Value::Bool(b) => {
            encode::write_bool(out, *b).map_err(encode::ValueWriteError::InvalidMarkerWrite)?;
        }
        Value::Int(n) => {
            encode::write_sint(out, *n)?;
        }
        Value::Float(n) => encode::write_f64(out, *n)?,
        Value::Str(s) => encode::write_str(out, s)?,
        Value::Bytes(bytes) => encode::write_bin(out, bytes)?,
        Value::Array(items) => {
            encode::write_array_len(out, length(items.len()))?;
            for item in items.iter() {
                write(item, out)?;
            }
        }
        Value::Object(object) => write_object(object, out)?,
    }
    Ok(())
}

fn write_object(object: &Object, out: &mut Vec<u8>) -> Written {
    encode::write_map_len(out, length(object.len()))?;
    for (key, value) in object.iter() {
        encode::write_str(out, key)?;
        write(value, out)?;
    }
    Ok(())
}

fn length(n: usize) -> u32 {
    u32::try_from(n).expect("no message has four thousand million parts: it is bounded in bytes, far below")
}

/// Takes one value from the front. Any bytes may be given: what is no value is an error.
pub fn unpack(from: &mut &[u8]) -> Result<Value, PackError> {
    read(from, 0)
}

/// Takes one object from the front.
pub fn unpack_object(from: &mut &[u8]) -> Result<Object, PackError> {
    let first = from.first().copied().unwrap_or_default();
    match unpack(from)? {
        Value::Object(object) => Ok(object),
        _ => Err(PackError::Unknown(first)),
    }
}

fn read(from: &mut &[u8], depth: usize) -> Result<Value, PackError> {
    if depth > MAX_DEPTH {
        return Err(PackError::TooDeep);
    }
    let byte = take(from, 1)?[0];
    Ok(match Marker::from_u8(byte) {
        Marker::Null => Value::Null,
        Marker::False => Value::Bool(false),
        Marker::True => Value::Bool(true),
        Marker::FixPos(n) => Value::Int(i64::from(n)),
        Marker::FixNeg(n) => Value::Int(i64::from(n)),
        Marker::U8 | Marker::U16 | Marker::U32 | Marker::U64 => {
            let n = unsigned(from, 1 << (byte - 0xcc))?;
            i64::try_from(n).map_or(Value::Float(n as f64), Value::Int)
        }
        Marker::I8 => Value::Int(i64::from(unsigned(from, 1)? as i8)),
        Marker::I16 => Value::Int(i64::from(unsigned(from, 2)? as i16)),
        Marker::I32 => Value::Int(i64::from(unsigned(from, 4)? as i32)),
        Marker::I64 => Value::Int(unsigned(from, 8)? as i64),
        Marker::F32 => Value::Float(f64::from(f32::from_bits(unsigned(from, 4)? as u32))),
        Marker::F64 => Value::Float(f64::from_bits(unsigned(from, 8)?)),
        Marker::FixStr(n) => Value::Str(text(from, usize::from(n))?),
        Marker::Str8 | Marker::Str16 | Marker::Str32 => {
            let n = unsigned(from, 1 << (byte - 0xd9))? as usize;
            Value::Str(text(from, n)?)
        }
        Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
            let n = unsigned(from, 1 << (byte - 0xc4))? as usize;
            Value::bytes(take(from, n)?)
        }
        Marker::FixArray(n) => array(from, usize::from(n), depth)?,
        Marker::Array16 | Marker::Array32 => {
            let n = unsigned(from, 2 << (byte - 0xdc))? as usize;
            array(from, n, depth)?
        }
        Marker::FixMap(n) => object(from, usize::from(n), depth)?,
        Marker::Map16 | Marker::Map32 => {
            let n = unsigned(from, 2 << (byte - 0xde))? as usize;
            object(from, n, depth)?
        }
        _ => return Err(PackError::Unknown(byte)),
    })
}

fn array(from: &mut &[u8], len: usize, depth: usize) -> Result<Value, PackError> {
    // A length that lies must not take memory: each item is a byte at least.
    let mut items = Vec::with_capacity(len.min(from.len()));
    for _ in 0..len {
        items.push(read(from, depth + 1)?);
    }
    Ok(Value::array(items))
}

fn object(from: &mut &[u8], len: usize, depth: usize) -> Result<Value, PackError> {
    let mut object = Object::with_capacity(len.min(from.len() / 2));
    for _ in 0..len {
        let Value::Str(key) = read(from, depth + 1)? else { return Err(PackError::NotAKey) };
        *object.entry(key) = read(from, depth + 1)?;
    }
    Ok(Value::Object(object))
}

fn text(from: &mut &[u8], len: usize) -> Result<Str, PackError> {
    std::str::from_utf8(take(from, len)?).map(Str::new).map_err(|_| PackError::NotText)
}

fn unsigned(from: &mut &[u8], len: usize) -> Result<u64, PackError> {
    Ok(take(from, len)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

fn take<'a>(from: &mut &'a [u8], len: usize) -> Result<&'a [u8], PackError> {
    from.split_off(..len).ok_or(PackError::CutOff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        pack(value, &mut out);
        out
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            ".{0,40}".prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 20, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::array),
                proptest::collection::vec((".{0,30}", inner), 0..20)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    /// Equality of values takes 1 and 1.0 as equal, and order of keys as nothing; here both count.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
            }
            _ => a.kind() == b.kind() && a == b && matches!(a, Value::Int(_)) == matches!(b, Value::Int(_)),
        }
    }

    proptest! {
        #[test]
        fn values_come_back_to_the_last_bit(value in any_value()) {
            let bytes = packed(&value);
            let mut rest = &bytes[..];
            let back = unpack(&mut rest).unwrap();
            prop_assert!(same(&value, &back), "{value:?} came back as {back:?}");
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&mut &bytes[..]);
        }

        #[test]
        fn what_is_cut_off_is_an_error(value in any_value(), at in any::<proptest::sample::Index>()) {
            let bytes = packed(&value);
            let at = at.index(bytes.len());
            prop_assert_eq!(unpack(&mut &bytes[..at]).unwrap_err(), PackError::CutOff);
        }
    }

    #[test]
    fn lengths_that_lie_and_endless_nesting_take_no_memory() {
        assert_eq!(unpack(&mut &[0xdd, 0xff, 0xff, 0xff, 0xff][..]), Err(PackError::CutOff));
        assert_eq!(unpack(&mut &[0xc6, 0xff, 0xff, 0xff, 0xff, 1][..]), Err(PackError::CutOff));
        assert_eq!(unpack(&mut &[0x91; 100_000][..]), Err(PackError::TooDeep));
        assert_eq!(unpack(&mut &[0x81, 1, 1][..]), Err(PackError::NotAKey));
        assert_eq!(unpack_object(&mut &[0x90][..]), Err(PackError::Unknown(0x90)));
        assert_eq!(unpack(&mut &[0xa1, 0xff][..]), Err(PackError::NotText));
    }
}
