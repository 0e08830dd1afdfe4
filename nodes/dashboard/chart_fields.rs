//! What ui-chart says about itself.

use super::fields::{GROUP, HEIGHT, LABEL, ORDER, WIDTH, kept};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "ui-chart",
    category: Category::Dashboard,
    summary: "Draws values over time, or side by side, on the dashboard.",
    help: include_str!("chart.md"),
    examples: include_str!("chart.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        GROUP,
        LABEL.default("\"chart\""),
        Field::choice(
            "chartType",
            &[
                ("line", "Lines"),
                ("area", "Filled lines"),
                ("scatter", "Points"),
                ("bar", "Bars"),
                ("pie", "A pie, drawn as bars"),
                ("doughnut", "A ring, drawn as bars"),
            ],
            "Form",
            "Lines and points run along time or a number; of bars the newest value of each name is there.",
        )
        .default("\"line\""),
        Field::typed(
            "category",
            "categoryType",
            &["msg", "str", "property", "json", "none"],
            "Series",
            "Which line a value belongs to. As JSON, a list of properties of the payload, each a series of its own.",
        )
        .default("\"topic\""),
        Field::typed(
            "xAxisProperty",
            "xAxisPropertyType",
            &["timestamp", "msg", "property", "str"],
            "X",
            "Where a value stands from left to right. Empty, or the time stamp: when it came.",
        ),
        Field::typed(
            "yAxisProperty",
            "yAxisPropertyType",
            &["msg", "property"],
            "Y",
            "The value. As a property it is one of the payload, or of each item where the payload is a list.",
        )
        .default("\"payload\""),
        Field::choice(
            "xAxisType",
            &[("time", "Time"), ("linear", "A number"), ("category", "Names"), ("radial", "Names, in a ring")],
            "Scale of X",
            "Time is shown in the zone of whoever looks.",
        )
        .default("\"time\""),
        Field::text("xAxisLabel", "Label of X", "What stands below.").default("\"\""),
        Field::text("yAxisLabel", "Label of Y", "What stands at the side, such as the unit.").default("\"\""),
        Field::number("ymin", "Y from", "Empty: as low as the values.").default("\"\""),
        Field::number("ymax", "Y to", "Empty: as high as the values.").default("\"\""),
        Field::choice(
            "action",
            &[("append", "Append"), ("replace", "Replace what is there")],
            "A message",
            "msg.action can say the other thing.",
        )
        .default("\"append\""),
        Field::number("removeOlder", "Keep for", "What is older goes. 0: it may stay.").at_least(0.0).default("1"),
        Field::choice(
            "removeOlderUnit",
            &[
                ("1", "seconds"),
                ("60", "minutes"),
                ("3600", "hours"),
                ("86400", "days"),
                ("604800", "weeks"),
            ],
            "Unit",
            "Of the time above.",
        )
        .default("\"3600\""),
        Field::integer("removeOlderPoints", "Points", "At most so many points a series. Empty: 1000, which is the most.")
            .range(0.0, 1e9)
            .default("\"\""),
        Field::bool("showLegend", "Legend", "Show the names of the series and their values.").default("true"),
        Field::choice(
            "interpolation",
            &[
                ("linear", "Straight"),
                ("step", "In steps"),
                ("bezier", "Curved"),
                ("cubic", "Curved"),
                ("cubicMono", "Curved"),
            ],
            "Between points",
            "How two points are joined; curves are drawn straight.",
        )
        .default("\"linear\""),
        Field::new(
            "colors",
            FieldKind::Json,
            "Colours",
            "Of the series, in their order. Empty: colours that are well told apart in light and dark.",
        )
        .default("[]"),
        ORDER,
        WIDTH.default("6"),
        HEIGHT.default("8"),
        kept("xAxisFormat"),
        kept("xAxisFormatType"),
        kept("xmin"),
        kept("xmax"),
        kept("bins"),
        kept("stackSeries"),
        kept("pointShape"),
        kept("pointRadius"),
        kept("textColor"),
        kept("textColorDefault"),
        kept("gridColor"),
        kept("gridColorDefault"),
        kept("chartOptions"),
        kept("className"),
    ],
};
