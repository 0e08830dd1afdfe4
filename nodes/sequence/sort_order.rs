//! Order as JavaScript has it: how two values compare, and a sort that bears comparisons without a consistent order.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::value::{Str, Value};

/// A value made ready to be compared many times.
#[derive(Debug)]
pub struct Comparable {
    value: Option<Value>,
    primitive: Option<Primitive>,
}

/// What JavaScript compares in the place of a value.
#[derive(Debug)]
enum Primitive {
    Text(Str),
    Number(f64),
}

impl Comparable {
    pub fn new(value: Option<Value>) -> Comparable {
        let primitive = value.as_ref().map(|value| match value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                Primitive::Number(value.to_number())
            }
            Value::Str(_) | Value::Bytes(_) | Value::Array(_) | Value::Object(_) => {
                Primitive::Text(value.to_text())
            }
        });
        Comparable { value, primitive }
    }

    /// What `<` and `>` say of two values; `None` where they cannot be compared. Two texts compare by their units of
    /// UTF-16, everything else as numbers.
    pub fn relation(&self, other: &Comparable) -> Option<Ordering> {
        match (self.primitive.as_ref()?, other.primitive.as_ref()?) {
            (Primitive::Text(a), Primitive::Text(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
            (a, b) => a.number().partial_cmp(&b.number()),
        }
    }

    /// JavaScript's `===`: objects, arrays and buffers are equal only to themselves.
    pub fn same(&self, other: &Comparable) -> bool {
        match (&self.value, &other.value) {
            (Some(Value::Bytes(a)), Some(Value::Bytes(b))) => Arc::ptr_eq(a, b),
            (Some(Value::Array(a)), Some(Value::Array(b))) => Arc::ptr_eq(a, b),
            (Some(Value::Object(a)), Some(Value::Object(b))) => a.same(b),
            (a, b) => a == b,
        }
    }
}

impl Primitive {
    fn number(&self) -> f64 {
        match self {
            Primitive::Text(text) => Value::Str(text.clone()).to_number(),
            Primitive::Number(n) => *n,
        }
    }
}

/// The order in which `0..count` stand when they are sorted, equal ones as they were.
///
/// Comparisons of users' data need not be consistent (`NaN`, texts among numbers): the standard library's sort may panic
/// then. This one takes the steps that JavaScript engines take, so that up to 63 items also come out the same.
pub fn order(count: usize, mut compare: impl FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut items: Vec<usize> = (0..count).collect();
    let mut run = least_run(count);
    for chunk in items.chunks_mut(run.max(1)) {
        sort_run(chunk, &mut compare);
    }
    let mut merged = Vec::with_capacity(count);
    while run < count {
        for pair in items.chunks(run * 2) {
            let (left, right) = pair.split_at(run.min(pair.len()));
            merge(left, right, &mut merged, &mut compare);
        }
        std::mem::swap(&mut items, &mut merged);
        merged.clear();
        run *= 2;
    }
    items
}

fn least_run(mut count: usize) -> usize {
    let mut odd = 0;
    while count >= 64 {
        odd |= count & 1;
        count >>= 1;
    }
    count + odd
}

/// Takes the run that is there (a falling one turned round) and puts each of the others in its place.
fn sort_run(items: &mut [usize], compare: &mut impl FnMut(usize, usize) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let falling = compare(items[1], items[0]).is_lt();
    let more =
        items.windows(2).skip(1).take_while(|pair| compare(pair[1], pair[0]).is_lt() == falling).count();
    let run = more + 2;
    if falling {
        items[..run].reverse();
    }
    for at in run..items.len() {
        let (mut left, mut right) = (0, at);
        while left < right {
            let middle = left + (right - left) / 2;
            if compare(items[at], items[middle]).is_lt() {
                right = middle;
            } else {
                left = middle + 1;
            }
        }
        items[left..=at].rotate_right(1);
    }
}

fn merge(
    mut left: &[usize],
    mut right: &[usize],
    into: &mut Vec<usize>,
    compare: &mut impl FnMut(usize, usize) -> Ordering,
) {
    while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
        if compare(*b, *a).is_lt() {
            into.push(*b);
            right = right_rest;
        } else {
            into.push(*a);
            left = left_rest;
        }
    }
    into.extend_from_slice(left);
    into.extend_from_slice(right);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(json: &str) -> Comparable {
        Comparable::new(Some(Value::from_json(json.as_bytes()).unwrap()))
    }

    #[test]
    fn values_compare_as_in_javascript() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expected) in [
            (r#""1000""#, r#""4""#, Some(Less)),
            ("1000", r#""4""#, Some(Greater)),
            ("null", "0", Some(Equal)),
            ("true", "0.5", Some(Greater)),
            (r#""a""#, "1", None),
            ("{}", "[1]", Some(Greater)),
            ("[2]", "10", Some(Less)),
            // A pair of surrogates stands before the last characters of the first plane.
            (r#""😀""#, r#""￿""#, Some(Less)),
        ] {
            assert_eq!(key(a).relation(&key(b)), expected, "{a} {b}");
        }
        let none = || Comparable::new(None);
        assert_eq!(none().relation(&key("1")), None);
        assert!(none().same(&none()) && key("1").same(&key("1.0")));
        assert!(!key("[1]").same(&key("[1]")) && !key("1").same(&key(r#""1""#)));
    }

    #[test]
    fn it_is_stable_and_sorts_any_length() {
        for count in [0, 1, 2, 31, 63, 64, 65, 200, 1000] {
            let keys: Vec<usize> = (0..count).map(|n| n * 7919 % 13).collect();
            let mut expected: Vec<usize> = (0..count).collect();
            expected.sort_by_key(|n| keys[*n]);
            assert_eq!(order(count, |a, b| keys[a].cmp(&keys[b])), expected, "{count}");
        }
    }

    #[test]
    fn comparisons_that_contradict_each_other_do_no_harm() {
        for count in [10, 500] {
            let mut found =
                order(count, |a, b| if (a * b) % 3 == 0 { Ordering::Less } else { Ordering::Greater });
            found.sort_unstable();
            assert_eq!(found, (0..count).collect::<Vec<_>>());
        }
    }
}
