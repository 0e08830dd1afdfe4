//! What a chart has: a bounded ring of points for each series, or the newest bar of each name.

use std::collections::VecDeque;

use super::setting::{WORD, cut};
use crate::error::NodeError;
use crate::value::{Object, Str, Value};

pub const MOST_SERIES: usize = 8;
pub const MOST_POINTS: usize = 1_000;
pub const MOST_BARS: usize = 64;

/// Points along time, or along a number.
pub struct Points {
    /// Of each series.
    pub most: usize,
    /// What is older than the newest point by so much goes, in milliseconds.
    pub window: Option<f64>,
    series: Vec<Series>,
    /// The mark at which all that was there had gone.
    cleared: u64,
}

struct Series {
    name: Str,
    points: VecDeque<Point>,
}

#[derive(Clone, Copy)]
struct Point {
    mark: u64,
    x: f64,
    /// Not a number: a gap.
    y: f64,
}

impl Points {
    pub fn new(most: usize, window: Option<f64>) -> Points {
        Points { most: most.clamp(1, MOST_POINTS), window, series: Vec::new(), cleared: 0 }
    }

    pub fn clear(&mut self, mark: u64) {
        self.series.clear();
        self.cleared = mark;
    }

    pub fn add(&mut self, series: &str, x: f64, y: f64, mark: u64) -> Result<(), NodeError> {
        let name = cut(series, WORD);
        if let Some(window) = self.window {
            self.drop_before(x - window, &name, mark);
        }
        let at = self.series.iter().position(|known| known.name == name);
        let at = match at {
            Some(at) => at,
            None if self.series.len() >= MOST_SERIES => {
                let error = format!("a chart has at most {MOST_SERIES} series, and \"{name}\" is one more");
                return Err(NodeError::rejected(error));
            }
            None => {
                self.series.push(Series { name, points: VecDeque::new() });
                self.series.len() - 1
            }
        };
        let points = &mut self.series[at].points;
        points.push_back(Point { mark, x, y });
        while points.len() > self.most {
            points.pop_front();
        }
        Ok(())
    }

    /// Of all series: one that gets no points any more must not stand there for ever, in the place of another. The one that
    /// is to have the next point stays.
    fn drop_before(&mut self, oldest: f64, next: &Str, mark: u64) {
        for series in &mut self.series {
            while series.points.front().is_some_and(|point| point.x < oldest) {
                series.points.pop_front();
            }
        }
        let before = self.series.len();
        self.series.retain(|series| !series.points.is_empty() || series.name == *next);
        if self.series.len() < before {
            // Points can be told one by one; that a series has gone only as a whole.
            self.cleared = mark;
        }
    }

    /// All series, or the points that came after that mark.
    pub fn draw(&self, since: Option<u64>, view: &mut Object) {
        let after = since.filter(|since| *since >= self.cleared);
        let draw = |series: &Series| {
            let new = |point: &&Point| after.is_none_or(|mark| point.mark > mark);
            // The newest are at the end.
            let count = series.points.iter().rev().take_while(new).count();
            let points = || series.points.iter().skip(series.points.len() - count);
            let mut drawn = Object::with_capacity(3);
            drawn.insert("name", series.name.clone());
            drawn.insert("x", points().map(|point| Value::number(point.x)).collect::<Vec<_>>());
            drawn.insert("y", points().map(|point| y(point.y)).collect::<Vec<_>>());
            (count > 0).then_some(Value::Object(drawn))
        };
        let drawn: Vec<Value> = self.series.iter().filter_map(draw).collect();
        match after {
            None => view.insert("series", drawn),
            Some(_) if drawn.is_empty() => {}
            Some(_) => view.insert("more", drawn),
        }
    }
}

fn y(number: f64) -> Value {
    if number.is_finite() { Value::number(number) } else { Value::Null }
}

/// Bars: the newest value of each name and series.
#[derive(Default)]
pub struct Bars(Vec<(Str, Str, f64)>);

impl Bars {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn set(&mut self, name: &str, series: &str, value: f64) -> Result<(), NodeError> {
        let (name, series) = (cut(name, WORD), cut(series, WORD));
        let known = self.0.iter().position(|bar| bar.0 == name && bar.1 == series);
        match known {
            Some(at) => self.0[at].2 = value,
            None if self.0.len() >= MOST_BARS => {
                let error = format!("a chart has at most {MOST_BARS} bars, and \"{name}\" is one more");
                return Err(NodeError::rejected(error));
            }
            None => self.0.push((name, series, value)),
        }
        Ok(())
    }

    pub fn draw(&self, view: &mut Object) {
        let bar = |(name, series, value): &(Str, Str, f64)| {
            Value::array(vec![name.clone().into(), series.clone().into(), y(*value)])
        };
        view.insert("bars", self.0.iter().map(bar).collect::<Vec<_>>());
    }
}
