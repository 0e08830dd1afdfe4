//! ui-table: rows of objects.

use std::sync::Arc;

use super::face::Face;
use super::fields::{GROUP, HEIGHT, LABEL, ORDER, WIDTH, kept};
use super::setting::{Kind, LABEL as LONGEST_LABEL, Setting, WORD};
use super::table_rows::{MOST_ROWS, Rows};
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::shown::{Draw, Screen};
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

const COLUMN: &[Field] = &[
    Field::text("key", "Property", "Of each row.").required(),
    Field::text("title", "Title", "What stands above. Empty: the property."),
    Field::choice(
        "align",
        &[("start", "Left"), ("center", "Middle"), ("end", "Right")],
        "Align",
        "Empty: numbers right, all else left.",
    ),
    Field::new("keyType", FieldKind::Json, "Type of the property", "Kept for Node-RED's dashboard."),
    Field::new("type", FieldKind::Json, "Kind", "Kept for Node-RED's dashboard."),
    Field::new("width", FieldKind::Json, "Width", "Kept for Node-RED's dashboard."),
    Field::new("label", FieldKind::Json, "Label", "The title in older flows."),
];

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "ui-table",
    category: Category::Dashboard,
    summary: "Shows rows of values on the dashboard.",
    help: include_str!("table.md"),
    examples: include_str!("table.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        GROUP,
        LABEL.default("\"\""),
        Field::choice(
            "action",
            &[("append", "Append its rows"), ("replace", "Replace what is there")],
            "A message",
            "msg.action can say the other thing. An empty list empties the table.",
        )
        .default("\"append\""),
        Field::integer("maxrows", "Rows", "At most so many, the newest. 0: 500, which is the most.")
            .range(0.0, 1e9)
            .default("0"),
        Field::bool("autocols", "All columns", "Show all properties of the rows; else those below.")
            .default("true"),
        Field::list("columns", COLUMN, "Columns", "Which properties are shown, from left to right.")
            .visible_if("autocols", &["false"]),
        Field::bool("showSearch", "Search", "A field to search the rows.").default("true"),
        Field::bool("passthru", "Pass on", "Send each message on from the output.").default("false"),
        ORDER,
        WIDTH,
        HEIGHT,
        kept("selectionType"),
        kept("deselect"),
        kept("mobileBreakpoint"),
        kept("mobileBreakpointType"),
        kept("className"),
    ],
};

const COLUMNS: Kind = Kind::List(
    40,
    &[
        ("key", Kind::Text(WORD)),
        ("title", Kind::Text(LONGEST_LABEL)),
        ("label", Kind::Text(LONGEST_LABEL)),
        ("align", Kind::Text(WORD)),
    ],
);

const SETTINGS: &[Setting] = &[
    Setting::fixed("autocols", Kind::Flag),
    Setting::live("columns", COLUMNS),
    Setting::fixed("showSearch", Kind::Flag),
    Setting::fixed("maxrows", Kind::Number),
    Setting::fixed("action", Kind::Text(WORD)),
    Setting::fixed("passthru", Kind::Flag),
];

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let face = Face::of(config, &DESCRIPTOR, SETTINGS)?;
    let most = face.number("maxrows").filter(|most| *most >= 1.0).map_or(MOST_ROWS, |most| most as usize);
    let (replaces, passes) = (face.text("action") == "replace", face.flag("passthru"));
    let screen = Arc::new(Screen::new(State { face, rows: Rows::new(most) }));
    Ok(Built::transform(Table { replaces, passes, screen: screen.clone() }).showing(screen))
}

struct Table {
    replaces: bool,
    passes: bool,
    screen: Arc<Screen<State>>,
}

struct State {
    face: Face,
    rows: Rows,
}

impl Draw for State {
    fn draw(&self, since: Option<u64>) -> Object {
        let mut view = self.face.draw(since);
        self.rows.draw(since, &mut view);
        view
    }
}

impl Transform for Table {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let replaces = match message.get("action").and_then(Value::as_str) {
            Some("replace") => true,
            Some("append") => false,
            _ => self.replaces,
        };
        self.screen.change(|state, mark| {
            state.face.update(&message.value, mark);
            let Some(payload) = message.get("payload") else { return Ok(()) };
            let items = payload.as_array().unwrap_or(std::slice::from_ref(payload));
            if items.is_empty() || replaces {
                state.rows.clear(mark);
            }
            let first = items.len().saturating_sub(MOST_ROWS);
            items[first..].iter().try_for_each(|item| state.rows.add(item, mark))
        })?;
        if let (true, Some(message)) = (self.passes, msg.take()) {
            cx.send(0, message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Rig;

    #[test]
    fn rows_are_appended_and_a_later_look_sees_the_new_ones() {
        let mut rig = Rig::new("ui-table", json!({"maxrows": "3"}));
        rig.send(json!({"payload": [{"a": 1, "deep": {"b": [2]}}, {"a": 2}]}));
        let (mark, view) = rig.view(None).unwrap();
        assert_eq!(view["rows"], json!([{"a": 1, "deep": "{\"b\":[2]}"}, {"a": 2}]));
        rig.send(json!({"payload": {"a": 3}}));
        rig.send(json!({"payload": {"a": 4}}));
        let (mark, view) = rig.view(Some(mark)).unwrap();
        assert_eq!(view, json!({"more": [{"a": 3}, {"a": 4}], "count": 3}));
        assert_eq!(rig.view(None).unwrap().1["rows"], json!([{"a": 2}, {"a": 3}, {"a": 4}]));
        rig.send(json!({"payload": [{"a": 5}], "action": "replace"}));
        assert_eq!(rig.view(Some(mark)).unwrap().1, json!({"rows": [{"a": 5}], "count": 1}));
        assert!(rig.sent(0).is_empty());
    }

    #[test]
    fn what_is_large_is_bounded_and_what_is_no_row_goes_to_catch() {
        let mut rig = Rig::new("ui-table", json!({"action": "replace", "passthru": true}));
        let row = json!({"text": "x".repeat(900), "more": "y".repeat(5_000)});
        rig.send(json!({"payload": vec![row; 2_000]}));
        let (_, view) = rig.view(None).unwrap();
        let rows = view["rows"].as_array().unwrap();
        assert!((100..MOST_ROWS).contains(&rows.len()), "{} rows within the bytes", rows.len());
        assert_eq!(view["count"], json!(rows.len()));
        assert_eq!(rows[0]["more"].as_str().unwrap().chars().count(), 1_001);
        rig.send(json!({"payload": [1]}));
        assert_eq!(rig.host.errors.len(), 1);
        rig.send(json!({"payload": []}));
        assert_eq!(rig.view(None).unwrap().1["rows"], json!([]));
        assert_eq!(rig.sent(0).len(), 2);
    }
}
