//! Pages, groups and widgets in their places.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::setting::{LABEL, cut};
use crate::value::{Object, Str, Value};

/// The dashboard as it is to be drawn.
#[derive(Debug, Serialize)]
pub struct Dashboard {
    pub name: Str,
    pub pages: Vec<Page>,
}

#[derive(Debug, Serialize)]
pub struct Page {
    pub id: String,
    pub name: Str,
    pub path: Str,
    pub visible: bool,
    pub disabled: bool,
    pub groups: Vec<Group>,
    #[serde(skip)]
    order: f64,
}

#[derive(Debug, Serialize)]
pub struct Group {
    pub id: String,
    pub name: Str,
    /// In columns.
    pub width: u8,
    pub show_title: bool,
    pub visible: bool,
    pub disabled: bool,
    /// What each widget shows, with its id.
    pub widgets: Vec<Object>,
    #[serde(skip)]
    order: f64,
}

/// One config node of the document: its id, type and properties.
pub type Config<'d> = (&'d str, &'d str, &'d Map<String, Json>);

/// Puts widgets on their pages. `place` says where a node stands in the document: what has the same order stays in its.
/// Widgets without a group, and groups without a page, are on a page of their own.
pub fn arrange<'d>(
    configs: impl IntoIterator<Item = Config<'d>>,
    widgets: BTreeMap<Str, Object>,
    place: impl Fn(&str) -> usize,
) -> Dashboard {
    let mut of_group: HashMap<Str, Vec<(f64, usize, Object)>> = HashMap::new();
    for (id, mut widget) in widgets {
        let order = widget.get("order").and_then(Value::as_f64).unwrap_or(0.0);
        let group = widget.get("group").map(Value::to_text).unwrap_or_default();
        widget.insert("id", id.clone());
        of_group.entry(group).or_default().push((order, place(&id), widget));
    }
    let mut name = None;
    let mut pages: Vec<Page> = Vec::new();
    let mut groups: Vec<(String, Group)> = Vec::new();
    for (id, type_name, properties) in configs {
        match type_name {
            "ui-base" => drop(name.get_or_insert_with(|| text(properties, "name"))),
            "ui-page" => pages.push(page(id, properties)),
            "ui-group" => {
                let mut group = group(id, properties);
                group.widgets = in_order(of_group.remove(id).unwrap_or_default());
                let on = properties.get("page").and_then(Json::as_str).unwrap_or_default();
                groups.push((on.to_string(), group));
            }
            _ => {}
        }
    }
    let mut others: Vec<_> = of_group.into_values().flatten().collect();
    others.sort_by_key(|other| other.1);
    let mut without_page: Vec<Group> = Vec::new();
    for (on, group) in groups {
        match pages.iter_mut().find(|page| page.id == on) {
            Some(page) => page.groups.push(group),
            None => without_page.push(group),
        }
    }
    if !others.is_empty() {
        let widgets = in_order(others);
        let order = f64::INFINITY;
        without_page.push(Group {
            id: String::new(),
            name: Str::default(),
            width: 6,
            show_title: false,
            visible: true,
            disabled: false,
            widgets,
            order,
        });
    }
    pages.sort_by(|a, b| a.order.total_cmp(&b.order));
    if without_page.iter().any(|group| !group.widgets.is_empty()) {
        pages.push(Page {
            id: String::new(),
            name: Str::new_static("Dashboard"),
            path: Str::new_static("/"),
            visible: true,
            disabled: false,
            groups: without_page,
            order: f64::INFINITY,
        });
    }
    for page in &mut pages {
        page.groups.sort_by(|a, b| a.order.total_cmp(&b.order));
    }
    Dashboard { name: name.unwrap_or_default(), pages }
}

fn in_order(mut widgets: Vec<(f64, usize, Object)>) -> Vec<Object> {
    widgets.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    widgets.into_iter().map(|(_, _, widget)| widget).collect()
}

fn page(id: &str, properties: &Map<String, Json>) -> Page {
    Page {
        id: id.to_string(),
        name: text(properties, "name"),
        path: text(properties, "path"),
        visible: flag(properties, "visible", true),
        disabled: flag(properties, "disabled", false),
        groups: Vec::new(),
        order: number(properties, "order", 0.0),
    }
}

fn group(id: &str, properties: &Map<String, Json>) -> Group {
    // Older flows have `disp`.
    let show_title = flag(properties, "showTitle", flag(properties, "disp", true));
    Group {
        id: id.to_string(),
        name: text(properties, "name"),
        width: number(properties, "width", 6.0).clamp(1.0, 24.0) as u8,
        show_title,
        visible: flag(properties, "visible", true),
        disabled: flag(properties, "disabled", false),
        widgets: Vec::new(),
        order: number(properties, "order", 0.0),
    }
}

fn text(properties: &Map<String, Json>, name: &str) -> Str {
    cut(properties.get(name).and_then(Json::as_str).unwrap_or_default(), LABEL)
}

fn number(properties: &Map<String, Json>, name: &str, otherwise: f64) -> f64 {
    match properties.get(name) {
        Some(Json::Number(number)) => number.as_f64(),
        Some(Json::String(text)) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
    .unwrap_or(otherwise)
}

fn flag(properties: &Map<String, Json>, name: &str, otherwise: bool) -> bool {
    match properties.get(name) {
        Some(Json::Bool(flag)) => *flag,
        Some(Json::String(text)) if text == "true" => true,
        Some(Json::String(text)) if text == "false" => false,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn widgets(list: &[(&str, &str, f64)]) -> BTreeMap<Str, Object> {
        let widget = |(id, group, order): &(&str, &str, f64)| {
            let mut widget = Object::new();
            widget.insert("group", *group);
            widget.insert("order", *order);
            (Str::new(id), widget)
        };
        list.iter().map(widget).collect()
    }

    fn arranged(configs: &Json, list: &[(&str, &str, f64)], document: &str) -> Json {
        let configs = configs.as_array().unwrap().iter().map(|node| {
            let map = node.as_object().unwrap();
            (map["id"].as_str().unwrap(), map["type"].as_str().unwrap(), map)
        });
        let place = |id: &str| document.find(id).unwrap_or(usize::MAX);
        serde_json::to_value(arrange(configs, widgets(list), place)).unwrap()
    }

    #[test]
    fn all_is_in_its_order_and_ties_stand_as_in_the_document() {
        let configs = json!([
            {"id": "b", "type": "ui-base", "name": "Plant"},
            {"id": "p2", "type": "ui-page", "name": "Two", "order": 2, "visible": "false"},
            {"id": "p1", "type": "ui-page", "name": "One", "order": "1", "path": "/one"},
            {"id": "g2", "type": "ui-group", "name": "Second", "page": "p1", "order": 2, "disp": false},
            {"id": "g1", "type": "ui-group", "name": "First", "page": "p1", "order": 1, "width": "4", "disabled": true},
        ]);
        let list = [("x", "g1", 2.0), ("y", "g1", 1.0), ("z", "g1", 2.0)];
        let made = arranged(&configs, &list, "z y x");
        assert_eq!(made["name"], "Plant");
        let pages = made["pages"].as_array().unwrap();
        assert_eq!((&pages[0]["id"], &pages[1]["id"], pages.len()), (&json!("p1"), &json!("p2"), 2));
        assert_eq!((&pages[1]["visible"], &pages[0]["path"]), (&json!(false), &json!("/one")));
        let groups = &pages[0]["groups"];
        assert_eq!(
            (&groups[0]["name"], &groups[0]["width"], &groups[0]["disabled"]),
            (&json!("First"), &json!(4), &json!(true))
        );
        assert_eq!(groups[1]["show_title"], false);
        let ids: Vec<&Json> =
            groups[0]["widgets"].as_array().unwrap().iter().map(|widget| &widget["id"]).collect();
        assert_eq!(ids, ["y", "z", "x"]);
    }

    #[test]
    fn widgets_without_a_group_have_a_page_of_their_own() {
        let configs = json!([{"id": "g", "type": "ui-group", "name": "Lost", "page": "nowhere"}]);
        let made = arranged(&configs, &[("a", "", 0.0), ("b", "gone", 0.0), ("c", "g", 0.0)], "a b c");
        let pages = made["pages"].as_array().unwrap();
        assert_eq!((pages.len(), &pages[0]["name"]), (1, &json!("Dashboard")));
        assert_eq!(pages[0]["groups"][0]["name"], "Lost");
        assert_eq!(pages[0]["groups"][1]["widgets"].as_array().unwrap().len(), 2);
        assert_eq!(arranged(&json!([]), &[], "")["pages"], json!([]));
    }
}
