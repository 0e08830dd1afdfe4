//! Files that are made by the program stand in the source as the program makes them now.
//! `UPDATE=1 cargo test --test generated` writes them.

mod support;

use support::{root, tidegate};

#[test]
fn the_node_reference_is_up_to_date() {
    let made = tidegate(&["generate", "reference"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let path = root().join("docs/nodes.md");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made.out).unwrap();
        return;
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = stands.lines().zip(made.out.lines()).position(|(a, b)| a != b);
    assert!(
        stands == made.out,
        "docs/nodes.md is not what the nodes say (line {}): run UPDATE=1 cargo test --test generated",
        differs.map_or_else(|| stands.lines().count().min(made.out.lines().count()) + 1, |line| line + 1)
    );
}
