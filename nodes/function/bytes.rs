//! What scripts do with bytes: to and from text, and the numbers in them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rhai::{Array, Blob, Dynamic, Engine};

use super::call::Outcome;
use super::engine::function;

/// With or without padding, and in the form that is safe in addresses, as Node.js reads it.
fn base64_decode(text: &str) -> Outcome<Blob> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let safe = text.contains(['-', '_']);
    let engine = match (safe, text.ends_with('=')) {
        (false, true) => &STANDARD,
        (false, false) => &STANDARD_NO_PAD,
        (true, true) => &URL_SAFE,
        (true, false) => &URL_SAFE_NO_PAD,
    };
    engine.decode(text).map_err(|error| format!("this is no base64: {error}").into())
}

fn hex_encode(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(u32::from(d), 16)).collect()
}

fn hex_decode(text: &str) -> Outcome<Blob> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => {
            Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        Some(_) => Err("hexadecimal text needs two digits a byte".into()),
        None => Err("this is no hexadecimal text".into()),
    }
}

fn bytes_of(items: &Array) -> Outcome<Blob> {
    let byte = |item: &Dynamic| item.as_int().ok().and_then(|n| u8::try_from(n).ok());
    let bytes: Option<Blob> = items.iter().map(byte).collect();
    bytes.ok_or_else(|| "bytes are whole numbers from 0 to 255".into())
}

fn utf8(bytes: Blob) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Big,
    Little,
}

/// `count` bytes at a place, as the number that they spell.
fn unsigned(blob: &Blob, at: i64, count: i64, order: Order) -> Outcome<u64> {
    let bytes = match (usize::try_from(at), usize::try_from(count)) {
        (Ok(at), Ok(count @ 1..=8)) => at.checked_add(count).and_then(|end| blob.get(at..end)),
        _ => return Err("a number has 1 to 8 bytes and starts at 0 or later".into()),
    };
    let Some(bytes) = bytes else {
        return Err(format!("there are no {count} bytes at {at}: the buffer has {}", blob.len()).into());
    };
    let add = |n: u64, byte: &u8| n << 8 | u64::from(*byte);
    Ok(if order == Order::Big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
}

fn uint(blob: &Blob, at: i64, count: i64, order: Order) -> Outcome<i64> {
    let n = unsigned(blob, at, count, order)?;
    i64::try_from(n).map_err(|_| format!("{n} is more than an integer holds").into())
}

fn int(blob: &Blob, at: i64, count: i64, order: Order) -> Outcome<i64> {
    // The highest bit of the number to the highest of 64, and back with its sign.
    let unused = 64 - 8 * count.clamp(1, 8) as u32;
    Ok((unsigned(blob, at, count, order)? << unused) as i64 >> unused)
}

fn float(blob: &Blob, at: i64, count: i64, order: Order) -> Outcome<f64> {
    match count {
        4 => Ok(f64::from(f32::from_bits(unsigned(blob, at, 4, order)? as u32))),
        8 => Ok(f64::from_bits(unsigned(blob, at, 8, order)?)),
        _ => Err("a decimal number has 4 or 8 bytes".into()),
    }
}

pub fn register(engine: &mut Engine) {
    function(engine, "base64_encode", |bytes: Blob| STANDARD.encode(bytes));
    function(engine, "base64_encode", |text: &str| STANDARD.encode(text));
    function(engine, "base64_decode", base64_decode);
    function(engine, "hex_encode", |bytes: Blob| hex_encode(&bytes));
    function(engine, "hex_encode", |text: &str| hex_encode(text.as_bytes()));
    function(engine, "hex_decode", hex_decode);
    function(engine, "bytes", |text: &str| -> Blob { text.as_bytes().to_vec() });
    function(engine, "bytes", |items: Array| bytes_of(&items));
    function(engine, "utf8", utf8);
    for (order, ending) in [(Order::Big, "be"), (Order::Little, "le")] {
        let name = |kind: &str| format!("{kind}_{ending}");
        function(engine, &name("uint"), move |blob: &mut Blob, at: i64, n: i64| uint(blob, at, n, order));
        function(engine, &name("int"), move |blob: &mut Blob, at: i64, n: i64| int(blob, at, n, order));
        function(engine, &name("float"), move |blob: &mut Blob, at: i64, n: i64| float(blob, at, n, order));
    }
}
