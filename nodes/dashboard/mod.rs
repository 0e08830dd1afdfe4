//! The dashboard: a page for people that is put together of nodes, by the names and properties of FlowFuse's Dashboard 2
//! for Node-RED. A widget keeps what it shows in memory, bounded, behind a `Screen`; who looks takes it from there.
//!
//! Value and text are one node, `ui-text`, as in Dashboard 2: what differs is the layout only.

mod button;
mod chart;
mod chart_fields;
mod chart_points;
mod configs;
mod face;
mod fields;
mod gauge;
mod layout;
mod setting;
mod shown_value;
mod slider;
mod table;
mod table_rows;
mod text;

pub use layout::{Dashboard, Group, Page, arrange};

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[
    configs::BASE,
    configs::PAGE,
    configs::GROUP,
    configs::THEME,
    gauge::NODE,
    chart::NODE,
    text::NODE,
    table::NODE,
    button::NODE,
    slider::NODE,
];
