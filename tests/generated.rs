//! Files that are made by the program stand in the source as the program makes them now.
//! `UPDATE=1 cargo test --test generated` writes them.

mod support;

use support::{root, tidegate};

#[test]
fn the_node_reference_is_up_to_date() {
    is_up_to_date("reference", "docs/nodes.md");
}

#[test]
fn the_description_of_the_api_is_up_to_date() {
    is_up_to_date("openapi", "docs/openapi.json");
}

fn is_up_to_date(what: &str, file: &str) {
    let made = tidegate(&["generate", what]);
    assert_eq!(made.code, 0, "{}", made.err);
    let path = root().join(file);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made.out).expect("the source can be written");
        return;
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = stands.lines().zip(made.out.lines()).position(|(a, b)| a != b);
    assert!(
        stands == made.out,
        "{file} is not what the program makes (line {}): run UPDATE=1 cargo test --test generated",
        differs.map_or_else(|| stands.lines().count().min(made.out.lines().count()) + 1, |line| line + 1)
    );
}
