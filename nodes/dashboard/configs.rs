//! The config nodes of the dashboard: what its pages and groups are. They do not run; `layout.rs` reads them from the document.

use super::fields::kept;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::node::{Built, NodeType};

pub const BASE: NodeType = note(&BASE_DESCRIPTOR);
pub const PAGE: NodeType = note(&PAGE_DESCRIPTOR);
pub const GROUP: NodeType = note(&GROUP_DESCRIPTOR);
pub const THEME: NodeType = note(&THEME_DESCRIPTOR);

const fn note(descriptor: &'static Descriptor) -> NodeType {
    NodeType { descriptor, build: |_| Ok(Built::note()) }
}

const fn config(
    type_name: &'static str,
    summary: &'static str,
    help: &'static str,
    fields: &'static [Field],
) -> Descriptor {
    Descriptor {
        type_name,
        category: Category::Config,
        summary,
        help,
        examples: "[]",
        inputs: 0,
        outputs: Outputs::Fixed(0),
        role: Role::Note,
        fields,
    }
}

const ORDER: Field =
    Field::number("order", "Order", "Its place: the smallest number comes first.").default("0");

/// Node-RED's forms write these as text or as booleans.
const YES_NO: &[(&str, &str)] = &[("true", "Yes"), ("false", "No")];

static BASE_DESCRIPTOR: Descriptor = config(
    "ui-base",
    "The dashboard: its name, for all its pages.",
    include_str!("base.md"),
    &[
        Field::text("path", "Path", "The dashboard is at /dashboard, whatever stands here.")
            .default("\"/dashboard\""),
        // A form shows a field by another one of the same node; these have no group to go by.
        Field { visible_if: Some(("path", &[])), ..kept("appIcon") },
        Field { visible_if: Some(("path", &[])), ..kept("includeClientData") },
        Field { visible_if: Some(("path", &[])), ..kept("acceptsClientConfig") },
        Field { visible_if: Some(("path", &[])), ..kept("showPathInSidebar") },
        Field { visible_if: Some(("path", &[])), ..kept("showPageTitle") },
        Field { visible_if: Some(("path", &[])), ..kept("headerContent") },
        Field { visible_if: Some(("path", &[])), ..kept("navigationStyle") },
        Field { visible_if: Some(("path", &[])), ..kept("titleBarStyle") },
        Field { visible_if: Some(("path", &[])), ..kept("showReconnectNotification") },
        Field { visible_if: Some(("path", &[])), ..kept("showDisconnectNotification") },
        Field { visible_if: Some(("path", &[])), ..kept("notificationDisplayTime") },
        Field { visible_if: Some(("path", &[])), ..kept("allowInstall") },
    ],
);

static PAGE_DESCRIPTOR: Descriptor = config(
    "ui-page",
    "A page of the dashboard.",
    include_str!("page.md"),
    &[
        Field::new(
            "ui",
            FieldKind::Resource("ui-base"),
            "Dashboard",
            "There is one dashboard; it may be left empty.",
        ),
        Field::text("path", "Path", "By which the page is found in an address: /dashboard#/energy.")
            .default("\"/page1\""),
        ORDER,
        Field::choice("visible", YES_NO, "Shown", "Whether it is among the pages to choose from.")
            .default("\"true\""),
        Field::choice("disabled", YES_NO, "Switched off", "It is shown, and its widgets cannot be used.")
            .default("\"false\""),
        Field { visible_if: Some(("path", &[])), ..kept("icon") },
        Field { visible_if: Some(("path", &[])), ..kept("layout") },
        Field { visible_if: Some(("path", &[])), ..kept("layoutType") },
        Field { visible_if: Some(("path", &[])), ..kept("theme") },
        Field { visible_if: Some(("path", &[])), ..kept("breakpoints") },
        Field { visible_if: Some(("path", &[])), ..kept("className") },
    ],
);

static GROUP_DESCRIPTOR: Descriptor = config(
    "ui-group",
    "A card on a page of the dashboard, with widgets on it.",
    include_str!("group.md"),
    &[
        Field::new("page", FieldKind::Resource("ui-page"), "Page", "The page that it stands on."),
        Field::number(
            "width",
            "Width",
            "Columns of the page, which has twelve on a wide screen and one on a phone.",
        )
        .range(1.0, 24.0)
        .default("6"),
        ORDER,
        Field::bool("showTitle", "Title", "Show its name above the widgets.").default("true"),
        Field::choice("visible", YES_NO, "Shown", "Whether it is on the page.").default("\"true\""),
        Field::choice("disabled", YES_NO, "Switched off", "It is shown, and its widgets cannot be used.")
            .default("\"false\""),
        Field { visible_if: Some(("page", &[])), ..kept("height") },
        Field { visible_if: Some(("page", &[])), ..kept("disp") },
        Field { visible_if: Some(("page", &[])), ..kept("groupType") },
        Field { visible_if: Some(("page", &[])), ..kept("className") },
    ],
);

static THEME_DESCRIPTOR: Descriptor = config(
    "ui-theme",
    "Colours of Node-RED's dashboard. Kept, and not used here.",
    include_str!("theme.md"),
    &[
        Field::new("colors", FieldKind::Json, "Colours", "Kept for Node-RED's dashboard, and not used here."),
        Field::new("sizes", FieldKind::Json, "Sizes", "Kept for Node-RED's dashboard, and not used here."),
    ],
);
