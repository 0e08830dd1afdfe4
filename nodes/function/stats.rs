//! Statistics over arrays of numbers, and arithmetic that measured values need.

use rhai::{Array, Dynamic, Engine, FnPtr, NativeCallContext};

use super::call::Outcome;
use super::engine::function;

fn number(value: &Dynamic) -> Outcome<f64> {
    if let Ok(n) = value.as_int() {
        return Ok(n as f64);
    }
    value
        .as_float()
        .map_err(|found| format!("an array of numbers is needed, there is a {found} in it").into())
}

fn numbers(array: &Array) -> Outcome<Vec<f64>> {
    array.iter().map(number).collect()
}

/// Nothing to compute from is `()`.
fn or_unit(value: Option<f64>) -> Dynamic {
    value.map_or(Dynamic::UNIT, Dynamic::from)
}

/// Whole as long as all numbers are.
fn sum(array: &Array) -> Outcome<Dynamic> {
    let mut whole = 0i64;
    for (at, value) in array.iter().enumerate() {
        match value.as_int() {
            Ok(n) => {
                whole = whole.checked_add(n).ok_or("sum: the numbers add up to more than an integer holds")?
            }
            Err(_) => {
                let rest: f64 = numbers(&array[at..].to_vec())?.iter().sum();
                return Ok(Dynamic::from(whole as f64 + rest));
            }
        }
    }
    Ok(Dynamic::from(whole))
}

fn mean(numbers: &[f64]) -> Option<f64> {
    if numbers.is_empty() { None } else { Some(numbers.iter().sum::<f64>() / numbers.len() as f64) }
}

/// Of a sample: divided by one less than there are.
fn variance(numbers: &[f64]) -> Option<f64> {
    if numbers.len() < 2 {
        return None;
    }
    let mean = mean(numbers)?;
    Some(numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / (numbers.len() - 1) as f64)
}

/// The value below which the share `q` of the numbers lies, interpolated between neighbours.
fn quantile(mut numbers: Vec<f64>, q: f64) -> Outcome<Option<f64>> {
    if !(0.0..=1.0).contains(&q) {
        return Err(format!("quantile: {q} is not from 0 to 1").into());
    }
    if numbers.is_empty() {
        return Ok(None);
    }
    numbers.sort_by(f64::total_cmp);
    let at = q * (numbers.len() - 1) as f64;
    let (low, high) = (numbers[at.floor() as usize], numbers[at.ceil() as usize]);
    // The same number twice, also an infinite one, needs no interpolation.
    Ok(Some(if low == high { low } else { low + (high - low) * at.fract() }))
}

/// The first that no other is beyond.
fn extreme(array: &Array, beyond: impl Fn(f64, f64) -> bool) -> Outcome<Dynamic> {
    let mut best: Option<(f64, &Dynamic)> = None;
    for value in array {
        let n = number(value)?;
        if best.is_none_or(|(than, _)| beyond(n, than)) {
            best = Some((n, value));
        }
    }
    Ok(best.map_or(Dynamic::UNIT, |(_, value)| value.clone()))
}

fn round(n: f64, digits: i64) -> f64 {
    let digits = digits.clamp(-300, 300) as i32;
    let factor = 10f64.powi(digits.abs());
    let rounded = if digits >= 0 { (n * factor).round() / factor } else { (n / factor).round() * factor };
    // So far out that there are no such digits.
    if rounded.is_finite() { rounded } else { n }
}

fn scale(n: f64, from: (f64, f64), to: (f64, f64)) -> Outcome<f64> {
    if from.0 == from.1 {
        return Err("scale: the range of the input is empty".into());
    }
    Ok(to.0 + (n - from.0) * (to.1 - to.0) / (from.1 - from.0))
}

fn clamp(n: &Dynamic, low: &Dynamic, high: &Dynamic) -> Outcome<Dynamic> {
    let (value, from, to) = (number(n)?, number(low)?, number(high)?);
    if from > to {
        return Err("clamp: the lower bound is above the upper".into());
    }
    Ok(if value < from {
        low
    } else if value > to {
        high
    } else {
        n
    }
    .clone())
}

/// An array made by a function of the index: pushing one by one costs more with every element.
fn array(context: &NativeCallContext<'_>, count: i64, f: &FnPtr) -> Outcome<Array> {
    let count = usize::try_from(count).map_err(|_| "array: the count must not be negative")?;
    if count > context.engine().max_array_size() {
        return Err(format!("array: more than {} elements", context.engine().max_array_size()).into());
    }
    (0..count as i64).map(|at| f.call_within_context(context, (at,))).collect()
}

pub fn register(engine: &mut Engine) {
    function(engine, "sum", |array: &mut Array| sum(array));
    for name in ["mean", "average"] {
        function(engine, name, |array: &mut Array| -> Outcome<Dynamic> {
            Ok(or_unit(mean(&numbers(array)?)))
        });
    }
    function(engine, "variance", |array: &mut Array| -> Outcome<Dynamic> {
        Ok(or_unit(variance(&numbers(array)?)))
    });
    function(engine, "stddev", |array: &mut Array| -> Outcome<Dynamic> {
        Ok(or_unit(variance(&numbers(array)?).map(f64::sqrt)))
    });
    function(engine, "median", |array: &mut Array| -> Outcome<Dynamic> {
        Ok(or_unit(quantile(numbers(array)?, 0.5)?))
    });
    function(engine, "quantile", |array: &mut Array, q: f64| -> Outcome<Dynamic> {
        Ok(or_unit(quantile(numbers(array)?, q)?))
    });
    function(engine, "quantile", |array: &mut Array, q: i64| -> Outcome<Dynamic> {
        Ok(or_unit(quantile(numbers(array)?, q as f64)?))
    });
    function(engine, "min", |array: &mut Array| extreme(array, |a, b| a < b));
    function(engine, "max", |array: &mut Array| extreme(array, |a, b| a > b));
    function(engine, "round", |n: f64, digits: i64| round(n, digits));
    function(engine, "round", |n: i64, digits: i64| round(n as f64, digits));
    function(engine, "clamp", |n: Dynamic, low: Dynamic, high: Dynamic| clamp(&n, &low, &high));
    function(
        engine,
        "scale",
        |n: Dynamic, in_low: Dynamic, in_high: Dynamic, low: Dynamic, high: Dynamic| {
            scale(number(&n)?, (number(&in_low)?, number(&in_high)?), (number(&low)?, number(&high)?))
        },
    );
    function(engine, "array", |context: NativeCallContext<'_>, count: i64, f: FnPtr| {
        array(&context, count, &f)
    });
}
