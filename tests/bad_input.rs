//! What people and broken disks give a gateway: each ends in a clear error at a place, with exit code 1, and nothing of
//! the flow is started. By the built program, as `check` and as `run`.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::File;
use std::path::Path;

use support::{Ended, Running, command, ended, tidegate};

/// A debug node that would print at once if anything of the flow were started.
const ALIVE: &str = r#"
    {"id": "t", "type": "tab", "label": "Boiler"},
    {"id": "tick", "type": "inject", "z": "t", "once": true, "onceDelay": 0, "props": [{"p": "payload", "v": "STARTED", "vt": "str"}], "wires": [["show"]]},
    {"id": "show", "type": "debug", "z": "t", "active": true, "tosidebar": true, "complete": "payload", "wires": []}"#;

fn with(nodes: &str) -> String {
    format!("[{ALIVE},\n{nodes}\n]")
}

/// Checks it and runs it; both must fail, and say all of this on standard error.
#[track_caller]
fn refused(flow: impl AsRef<[u8]>, says: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.json");
    std::fs::write(&path, flow).unwrap();
    refused_file(&path, says);
}

#[track_caller]
fn refused_file(path: &Path, says: &[&str]) {
    let file = path.to_str().unwrap();
    let check = tidegate(&["check", file]);
    // Were it to run, it would end by itself, with another exit code.
    let run = tidegate(&["run", "--for", "0.1", file]);
    for (name, Ended { code, out, err }) in [("check", check), ("run", run)] {
        assert_eq!(code, 1, "{name} ended with {code}; it said:\n{out}{err}");
        assert_eq!(out, "", "{name}: standard output is for results");
        for text in says {
            assert!(err.contains(text), "{name} does not say {text:?}, but:\n{err}");
        }
        assert!(!err.contains("panicked") && !err.contains(" runs "), "{name} said:\n{err}");
    }
}

#[test]
fn not_json() {
    refused(
        "[{\"id\": \"a\"\n \"type\": \"inject\"}]",
        &["not JSON", "line 2, column 2", "expected `,` or `}`"],
    );
    refused("", &["the document is empty", "an empty flow is written []"]);
    refused("[{\"id\":", &["ends in the middle", "is the file complete?"]);
}

#[test]
fn not_an_array() {
    refused(
        r#"{"id": "a", "type": "inject"}"#,
        &["is a list of nodes, this is an object", "put the node into a list"],
    );
    refused("7", &["is a list of nodes, this is a number"]);
}

#[test]
fn duplicate_ids() {
    refused(
        with(r#"{"id": "show", "type": "junction", "name": "Second", "z": "t", "wires": []}"#),
        &["the id show stands twice", "junction \"Second\"", "(at /3/id)", "give one of them another id"],
    );
}

#[test]
fn a_wire_to_nowhere() {
    refused(
        with(r#"{"id": "j", "type": "junction", "z": "t", "wires": [["shaw"]]}"#),
        &["wired to \"shaw\", which is not in the document", "(at /3/wires/0/0)", "did you mean \"show\"?"],
    );
}

#[test]
fn a_field_of_the_wrong_type() {
    refused(
        with(
            r#"{"id": "d", "type": "range", "name": "Volts", "z": "t", "minin": "zero", "maxin": "10", "minout": "0", "maxout": "5", "action": "scale", "wires": []}"#,
        ),
        &["range \"Volts\" (d)", "expected a number, found \"zero\"", "(at /3/minin)"],
    );
    refused(
        with(
            r#"{"id": "s", "type": "switch", "z": "t", "property": "payload", "rules": [{"t": "eqq", "v": "1"}], "wires": []}"#,
        ),
        &["switch (s)", "(at /3/rules/0/t)", "\"eqq\"", "did you mean \"eq\""],
    );
    refused(
        with(r#"{"id": "s", "type": "switch", "z": "t", "property": "payload", "rules": 7, "wires": []}"#),
        &["switch (s)", "(at /3/rules)", "expected a list, found 7"],
    );
}

#[test]
fn a_subflow_that_contains_itself() {
    refused(
        with(
            r#"{"id": "a", "type": "subflow", "name": "Pump", "in": [], "out": []},
               {"id": "b", "type": "subflow", "name": "Valve", "in": [], "out": []},
               {"id": "ab", "type": "subflow:b", "z": "a", "wires": []},
               {"id": "ba", "type": "subflow:a", "z": "b", "wires": []},
               {"id": "u", "type": "subflow:a", "z": "t", "wires": []}"#,
        ),
        &["contains itself", "\"Pump\" > \"Valve\" > \"Pump\"", "(at /3)", "take one of the instances out"],
    );
}

#[test]
fn a_script_with_a_syntax_error() {
    refused(
        with(
            r#"{"id": "f", "type": "function", "name": "Convert", "lang": "rhai", "z": "t", "outputs": 1, "func": "let x = 1;\nlet y = = 2;\nmsg", "wires": [[]]}"#,
        ),
        &["function \"Convert\" (f)", "(at /3/func)", "line 2", "9"],
    );
}

#[test]
fn a_file_of_200_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    // Sparse: it takes no place on the disk, and none in memory if only its size is looked at.
    File::create(&path).unwrap().set_len(200_000_000).unwrap();
    refused_file(&path, &["191 MiB large", "at most 64 MiB are read"]);
}

#[test]
fn deep_nesting() {
    refused("[".repeat(1_000_000), &["nested deeper than 127 levels", "line 1, column 128"]);
    let deep = format!(
        r#"{{"id": "c", "type": "comment", "z": "t", "x": {}1{}}}"#,
        "[".repeat(500),
        "]".repeat(500)
    );
    refused(with(&deep), &["nested deeper than 127 levels"]);
}

#[test]
fn invalid_utf8() {
    refused(b"[\n{\"id\": \"\xff\"}]", &["is not UTF-8", "byte 10 (in line 2) is 0xff", "save it as UTF-8"]);
}

#[test]
fn a_missing_environment_variable() {
    let flow = with(
        r#"{"id": "j", "type": "json", "name": "Parse", "z": "t", "property": "${TIDEGATE_TEST_UNSET}", "wires": []}"#,
    );
    refused(
        &flow,
        &[
            "json \"Parse\" (j)",
            "${TIDEGATE_TEST_UNSET} is not set",
            "(at /3/property)",
            "set TIDEGATE_TEST_UNSET",
        ],
    );
    // With it, all is well.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.json");
    std::fs::write(&path, flow).unwrap();
    let mut check = command(&["check", path.to_str().unwrap()]);
    let well = ended(check.env("TIDEGATE_TEST_UNSET", "payload").output().unwrap());
    assert_eq!(well.code, 0, "{}", well.err);
}

#[test]
fn no_such_file() {
    refused_file(Path::new("no/such/flow.json"), &["cannot read no/such/flow.json"]);
}

/// No single fault hides the others.
#[test]
fn all_faults_at_once() {
    refused(
        with(
            r#"{"id": "a", "type": "junction", "z": "t", "wires": [["nowhere"]]},
               {"id": "a", "type": "probe", "z": "t", "wires": []},
               {"id": "b", "type": "swich", "z": "t", "wires": []},
               {"id": "c", "type": "json", "z": "t", "property": "${TIDEGATE_TEST_UNSET}", "wires": []}"#,
        ),
        &["stands twice", "nowhere", "no node type \"swich\"", "is not set", "3 errors, 1 disabled node"],
    );
}

/// An unknown type is no reason to stop a gateway: that node alone does not run.
#[test]
fn an_unknown_type_stops_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.json");
    std::fs::write(
        &path,
        with(r#"{"id": "x", "type": "swich", "name": "Old", "z": "t", "wires": [["show"]]}"#),
    )
    .unwrap();
    let file = path.to_str().unwrap();
    let says = "swich \"Old\" (x): there is no node type \"swich\"; the node does not run, the rest does (at /3/type); \
                did you mean \"switch\"?";
    let check = tidegate(&["check", file]);
    assert_eq!(check.code, 0, "{}", check.err);
    assert!(check.err.contains(says) && check.out.contains("1 disabled node"), "{}{}", check.err, check.out);

    let mut run = Running::start(command(&["run", file]));
    run.line_with("STARTED");
    run.signal("TERM");
    let (code, said) = run.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(says), "{said}");
}
