//! The flows in `flows/`: each is without a fault, and has tests that pass.

mod support;

use support::{files, root, tidegate};

#[test]
fn every_flow_is_without_a_warning() {
    for path in files("flows", ".json").iter().filter(|path| !path.to_string_lossy().ends_with(".test.json"))
    {
        let file = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let checked = tidegate(&["check", file]);
        assert_eq!((checked.code, checked.err.as_str()), (0, ""), "{file}");
        assert!(checked.out.ends_with(", no problems\n"), "{}", checked.out);
    }
}

#[test]
fn every_flow_has_tests_and_they_pass() {
    let tests = files("flows", ".test.json");
    for flow in files("flows", ".json") {
        let test = flow.with_extension("test.json");
        assert!(tests.contains(&flow) || tests.contains(&test), "{} has no test beside it", flow.display());
    }
    assert!(tests.len() >= 6, "{tests:?}");
    for test in tests {
        let played = tidegate(&["test", test.to_str().unwrap()]);
        assert_eq!(played.code, 0, "{}:\n{}{}", test.display(), played.out, played.err);
        assert!(!played.out.starts_with("0 passed"), "{} has no case", test.display());
    }
}
