//! ui-chart: values over time, or side by side.

use std::sync::Arc;

use super::chart_fields::DESCRIPTOR;
use super::chart_points::{Bars, MOST_POINTS, Points};
use super::face::Face;
use super::setting::{Kind, Setting, WORD};
use crate::cx::Cx;
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::shown::{Draw, Screen};
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

const SETTINGS: &[Setting] = &[
    Setting::fixed("chartType", Kind::Text(WORD)),
    Setting::fixed("xAxisType", Kind::Text(WORD)),
    Setting::live("xAxisLabel", Kind::Text(WORD)),
    Setting::live("yAxisLabel", Kind::Text(WORD)),
    Setting::live("ymin", Kind::Number),
    Setting::live("ymax", Kind::Number),
    Setting::live("showLegend", Kind::Flag),
    Setting::fixed("interpolation", Kind::Text(WORD)),
    Setting::fixed("colors", Kind::Colours(16)),
    Setting::fixed("removeOlder", Kind::Number),
    Setting::fixed("removeOlderUnit", Kind::Number),
    Setting::fixed("removeOlderPoints", Kind::Number),
    Setting::fixed("action", Kind::Text(WORD)),
];

/// Where a part of a point is found.
enum From {
    /// Of the message.
    Message(Path),
    /// Of the payload, or of an item of it.
    Item(Path),
    Constant(Str),
    /// Properties of the payload, each a series.
    Each(Vec<Str>),
    Nowhere,
}

impl From {
    fn of(
        config: &NodeConfig,
        name: &str,
        type_name: &str,
        default: (&str, &str),
    ) -> Result<From, NodeError> {
        let text = |name: &str| config.property(name).and_then(serde_json::Value::as_str);
        let (value, kind) = match (text(name), text(type_name)) {
            (None, None) => default,
            (value, kind) => (value.unwrap_or_default(), kind.unwrap_or(default.1)),
        };
        let at = |error: NodeError| NodeError::config(format!("/{name}"), error.message());
        match kind {
            "str" => Ok(From::Constant(Str::new(value))),
            "json" => serde_json::from_str::<Vec<String>>(value)
                .map(|names| From::Each(names.iter().map(Str::new).collect()))
                .map_err(|error| {
                    NodeError::config(format!("/{name}"), format!("no list of properties: {error}"))
                }),
            "msg" if !value.is_empty() => Path::parse_msg(value).map(From::Message).map_err(at),
            "property" if !value.is_empty() => Path::parse(value).map(From::Item).map_err(at),
            _ => Ok(From::Nowhere),
        }
    }

    fn find(&self, msg: &Object, item: &Value) -> Option<Value> {
        match self {
            From::Message(path) => path.find(msg, msg),
            From::Item(path) => path.find(item.as_object()?, msg),
            From::Constant(text) => Some(Value::Str(text.clone())),
            From::Each(_) | From::Nowhere => None,
        }
    }
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let face = Face::of(config, &DESCRIPTOR, SETTINGS)?;
    let form = match face.text("chartType") {
        "line" | "area" | "scatter" => {
            let most = face
                .number("removeOlderPoints")
                .filter(|most| *most >= 1.0)
                .map_or(MOST_POINTS, |most| most as usize);
            let seconds =
                face.number("removeOlder").unwrap_or(0.0) * face.number("removeOlderUnit").unwrap_or(3_600.0);
            let window = (seconds > 0.0 && face.text("xAxisType") != "linear").then_some(seconds * 1_000.0);
            Form::Points(Points::new(most, window))
        }
        "bar" | "pie" | "doughnut" => Form::Bars(Bars::default()),
        other => {
            let text = format!("there is no chart \"{other}\" here: use line, area, scatter or bar");
            return Err(NodeError::config("/chartType", text));
        }
    };
    let chart = Chart {
        series: From::of(config, "category", "categoryType", ("topic", "msg"))?,
        x: From::of(config, "xAxisProperty", "xAxisPropertyType", ("", "timestamp"))?,
        y: From::of(config, "yAxisProperty", "yAxisPropertyType", ("payload", "msg"))?,
        replaces: face.text("action") == "replace",
        screen: Arc::new(Screen::new(State { face, form })),
    };
    let screen = chart.screen.clone();
    Ok(Built::transform(chart).showing(screen))
}

struct Chart {
    series: From,
    x: From,
    y: From,
    replaces: bool,
    screen: Arc<Screen<State>>,
}

struct State {
    face: Face,
    form: Form,
}

enum Form {
    Points(Points),
    Bars(Bars),
}

impl Form {
    fn clear(&mut self, mark: u64) {
        match self {
            Form::Points(points) => points.clear(mark),
            Form::Bars(bars) => bars.clear(),
        }
    }
}

impl Draw for State {
    fn draw(&self, since: Option<u64>) -> Object {
        let mut view = self.face.draw(since);
        match &self.form {
            Form::Points(points) => points.draw(since, &mut view),
            Form::Bars(bars) => bars.draw(&mut view),
        }
        view
    }
}

impl Transform for Chart {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let now = cx.wall_ms() as f64;
        self.screen.change(|state, mark| {
            state.face.update(&message.value, mark);
            self.take(&message.value, &mut state.form, mark, now)
        })?;
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

impl Chart {
    fn take(&self, msg: &Object, form: &mut Form, mark: u64, now: f64) -> Result<(), NodeError> {
        let Some(payload) = msg.get("payload") else { return Ok(()) };
        let items = payload.as_array().unwrap_or(std::slice::from_ref(payload));
        let replaces = match msg.get("action").and_then(Value::as_str) {
            Some("replace") => true,
            Some("append") => false,
            _ => self.replaces,
        };
        if items.is_empty() || replaces {
            form.clear(mark);
        }
        // Of a list that is longer than a chart can be, the end.
        let first = items.len().saturating_sub(MOST_POINTS);
        items[first..].iter().try_for_each(|item| self.add(msg, item, form, mark, now))
    }

    fn add(&self, msg: &Object, item: &Value, form: &mut Form, mark: u64, now: f64) -> Result<(), NodeError> {
        if let From::Each(names) = &self.series {
            let named = |name: &Str| Some((name.clone(), item.get(name)?));
            return names
                .iter()
                .filter_map(named)
                .try_for_each(|(name, value)| self.point(msg, item, &name, number(value)?, form, mark, now));
        }
        let series = self.series.find(msg, item).filter(|name| !name.is_null()).map(|name| name.to_text());
        let value = match item {
            Value::Object(_) => match self.y.find(msg, item) {
                Some(value) if !matches!(value, Value::Object(_) | Value::Array(_)) => value,
                _ => item.get("y").cloned().unwrap_or_else(|| item.clone()),
            },
            plain => plain.clone(),
        };
        self.point(msg, item, &series.unwrap_or_default(), number(&value)?, form, mark, now)
    }

    #[expect(clippy::too_many_arguments, reason = "what makes up a point comes from all of these")]
    fn point(
        &self,
        msg: &Object,
        item: &Value,
        series: &str,
        y: f64,
        form: &mut Form,
        mark: u64,
        now: f64,
    ) -> Result<(), NodeError> {
        let x = match &self.x {
            From::Nowhere => item.get("x").cloned(),
            from => from.find(msg, item),
        };
        match form {
            Form::Points(points) => points.add(series, x.as_ref().map_or(Ok(now), place)?, y, mark),
            Form::Bars(bars) => {
                let name = x.map(|name| name.to_text());
                bars.set(name.as_deref().unwrap_or(series), if name.is_some() { series } else { "" }, y)
            }
        }
    }
}

/// A value of a point; null is a gap.
fn number(value: &Value) -> Result<f64, NodeError> {
    match value {
        Value::Null => Ok(f64::NAN),
        value => match value.to_number() {
            number if number.is_finite() => Ok(number),
            _ => Err(NodeError::rejected(format!("a chart draws numbers, and this is {}", value.kind()))),
        },
    }
}

/// Where a point stands: a number, or a time as text.
fn place(x: &Value) -> Result<f64, NodeError> {
    let time = || x.as_str().and_then(crate::date::parse).map(|ms| ms as f64);
    Some(x.to_number())
        .filter(|number| number.is_finite() && !x.is_null())
        .or_else(time)
        .ok_or_else(|| NodeError::rejected("the place of a point is neither a number nor a time"))
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
