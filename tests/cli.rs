//! The command line as people and scripts meet it: help, exit codes, JSON, signals.

mod support;

use serde_json::Value as Json;
use support::{Running, command, tidegate};

const COMMANDS: &[&str] = &[
    "run",
    "check",
    "test",
    "log",
    "outbox",
    "deploy",
    "revisions",
    "diff",
    "rollback",
    "passwd",
    "token",
    "keys",
    "nodes",
    "generate",
];

/// Every line as JSON.
#[track_caller]
fn json_lines(text: &str) -> Vec<Json> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect()
}

#[test]
fn every_command_has_help() {
    for name in COMMANDS {
        let help = tidegate(&[name, "--help"]);
        assert_eq!((help.code, help.err.as_str()), (0, ""), "{name}");
        assert!(help.out.contains(&format!("Usage: tidegate {name}")), "{}", help.out);
    }
    let help = tidegate(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(COMMANDS.iter().all(|name| help.out.contains(&format!("  {name} "))), "{}", help.out);
    assert!(help.out.contains("Start with `tidegate run`"), "{}", help.out);
    let version = tidegate(&["--version"]);
    assert_eq!((version.code, version.out), (0, format!("tidegate {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["chekc"][..], &[], &["check"], &["test"], &["run", "--fro", "2"], &["run", "a", "b"]]
    {
        let wrong = tidegate(arguments);
        assert_eq!((wrong.code, wrong.out.as_str()), (2, ""), "{arguments:?}");
        assert!(wrong.err.contains("Usage: tidegate"), "{arguments:?}: {}", wrong.err);
    }
    assert!(tidegate(&["chekc"]).err.contains("check"), "no near name");
}

#[test]
fn what_failed_ends_with_1_and_says_why() {
    for (arguments, says) in [
        (&["check", "no/such.json"][..], "cannot read no/such.json"),
        (&["test", "no/such.test.json"], "no/such.test.json"),
        (&["nodes", "swich"], "did you mean `switch`?"),
        (&["generate", "reference", "--out", "README.md", "--check"], "README.md is not what"),
    ] {
        let failed = tidegate(arguments);
        assert_eq!(failed.code, 1, "{arguments:?}: {}", failed.out);
        assert!(failed.err.contains(says), "{arguments:?}: {}", failed.err);
    }
}

#[test]
fn check_as_json_gives_an_object_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.json");
    std::fs::write(
        &path,
        r#"[{"id":"t","type":"tab"},{"id":"a","type":"junction","z":"t","wires":[["b"]]}]"#,
    )
    .unwrap();
    let checked = tidegate(&["check", "--json", path.to_str().unwrap()]);
    let problems = json_lines(&checked.out);
    assert_eq!((checked.code, problems.len()), (1, 1), "{}", checked.out);
    assert_eq!(problems[0]["code"], "wire-to-nowhere");
    assert_eq!(problems[0]["pointer"], "/1/wires/0/0");
    assert_eq!(problems[0]["severity"], "error");
    assert_eq!(problems[0]["file"], path.to_str().unwrap());
}

#[test]
fn nodes_as_json_have_a_type() {
    let all = tidegate(&["nodes", "--json"]);
    let nodes = json_lines(&all.out);
    assert!(all.code == 0 && nodes.len() > 20, "{}", all.out);
    for node in &nodes {
        assert!(node["type"].is_string() && node["help"].is_string() && node["fields"].is_array(), "{node}");
    }
    let types: Vec<&str> = nodes.iter().filter_map(|node| node["type"].as_str()).collect();
    for name in ["inject", "debug", "function", "switch", "link call", "delay", "sensor simulator"] {
        assert!(types.contains(&name), "no {name} among {types:?}");
    }
    let one = tidegate(&["nodes", "switch", "--json"]);
    assert_eq!(json_lines(&one.out).len(), 1);
    let page = tidegate(&["nodes", "switch"]);
    assert!(page.code == 0 && page.out.contains("## Options"), "{}", page.out);
}

#[test]
fn generate_writes_checks_and_tells_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/types.ts");
    let file = path.to_str().unwrap();
    let first = tidegate(&["generate", "types", "--out", file, "--json"]);
    assert_eq!((first.code, &json_lines(&first.out)[0]["changed"]), (0, &Json::Bool(true)));
    let again = tidegate(&["generate", "types", "--out", file, "--check", "--json"]);
    assert_eq!((again.code, &json_lines(&again.out)[0]["changed"]), (0, &Json::Bool(false)));
    std::fs::write(&path, "edited by hand").unwrap();
    assert_eq!(tidegate(&["generate", "types", "--out", file, "--check"]).code, 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "edited by hand");
}

#[test]
fn a_flow_made_to_measure_with_is_a_good_flow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    let file = path.to_str().unwrap();
    assert_eq!(tidegate(&["generate", "flow", "--tabs", "20", "--nodes", "7", "--out", file]).code, 0);
    let checked = tidegate(&["check", file]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""), "{}", checked.out);
    assert!(checked.out.ends_with(": ok, 140 nodes, no problems\n"), "{}", checked.out);
}

const TWO_CASES: &str = r#"[
  {"name": "right", "flow": [{"id": "t", "type": "tab"}, {"id": "p", "type": "probe", "z": "t", "wires": []}],
   "steps": [{"send": {"to": "p", "msg": {"payload": 1}}}], "expect": {"p": [{"msg": {"payload": 1}}]}},
  {"name": "wrong", "tags": ["later"], "flow": [{"id": "t", "type": "tab"}, {"id": "p", "type": "probe", "z": "t", "wires": []}],
   "steps": [{"send": {"to": "p", "msg": {"payload": 1}}}], "expect": {"p": [{"msg": {"payload": 2}}]}},
  {"name": "odd", "flow": [{"id": "t", "type": "tab"}, {"id": "p", "type": "no such type", "z": "t", "wires": []}]}
]"#;

#[test]
fn test_prints_a_line_a_case_and_a_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.test.json");
    std::fs::write(&path, TWO_CASES).unwrap();
    let file = path.to_str().unwrap();

    let both = tidegate(&["test", "--skip-unknown", file]);
    let lines: Vec<&str> = both.out.lines().collect();
    assert_eq!(both.code, 1);
    assert_eq!((lines[0], lines[1]), ("ok right", "not ok wrong"));
    assert!(lines[2].starts_with("    ") && both.out.contains('2'), "what differed: {}", both.out);
    assert_eq!(lines.last(), Some(&"1 passed, 1 failed, 1 skipped"));

    let one = tidegate(&["test", "--name", "right", file]);
    assert_eq!((one.code, one.out.as_str()), (0, "ok right\n1 passed, 0 failed\n"));
    let rest = tidegate(&["test", "--skip-tag", "later", "--skip-unknown", file]);
    assert_eq!((rest.code, rest.out.as_str()), (0, "ok right\n1 passed, 0 failed, 2 skipped\n"));

    let json = tidegate(&["test", "--json", "--skip-unknown", file]);
    let verdicts = json_lines(&json.out);
    assert_eq!((json.code, verdicts.len()), (1, 2));
    assert_eq!((&verdicts[0]["name"], &verdicts[0]["ok"]), (&"right".into(), &true.into()));
    assert_eq!(verdicts[1]["ok"], false);
    assert!(verdicts[1]["why"].as_str().is_some_and(|why| !why.is_empty()), "{}", verdicts[1]);
}

#[test]
fn the_demo_shows_something_and_ends_when_its_time_is_over() {
    let mut demo = Running::start(command(&["run", "--for", "4"]));
    demo.line_with("tidegate ");
    demo.line_with("Ctrl-C stops it.");
    let (code, said) = demo.wait();
    assert_eq!(code, Some(0), "{said}");
    // What its debug nodes show: `[name] topic text`.
    assert!(said.lines().any(|line| line.starts_with('[')), "the demo shows nothing:\n{said}");
    assert!(!said.contains("ERROR") && !said.contains("WARN"), "{said}");
}

#[test]
fn the_demo_as_json_prints_an_object_a_line() {
    let demo = tidegate(&["run", "--json", "--for", "4"]);
    let shown = json_lines(&demo.out);
    assert!(demo.code == 0 && !shown.is_empty(), "{}{}", demo.out, demo.err);
    assert!(shown.iter().all(|line| line["node"].is_string() && line.get("value").is_some()), "{}", demo.out);
}

/// A flow that says this many times a second.
fn says(text: &str) -> String {
    format!(
        r#"[{{"id": "t", "type": "tab", "label": "T"}},
            {{"id": "i", "type": "inject", "z": "t", "repeat": "0.05", "once": true, "onceDelay": 0, "props": [{{"p": "payload", "v": "{text}", "vt": "str"}}], "wires": [["d"]]}},
            {{"id": "d", "type": "debug", "z": "t", "name": "Out", "active": true, "tosidebar": true, "complete": "payload", "wires": []}}]"#
    )
}

#[test]
fn sigterm_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.json");
    std::fs::write(&path, says("alive")).unwrap();
    let mut run = Running::start(command(&["run", path.to_str().unwrap()]));
    assert!(run.line_with(" runs ").ends_with("flow.json: 2 nodes in 1 flow"));
    assert_eq!(run.line_with("alive"), "[Out] alive");
    run.signal("TERM");
    let (code, said) = run.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("stopping"), "{said}");
}

#[test]
fn sighup_reads_the_flow_again_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.json");
    std::fs::write(&path, says("before")).unwrap();
    let mut run = Running::start(command(&["run", path.to_str().unwrap()]));
    run.line_with("before");

    std::fs::write(&path, "[{").unwrap();
    run.signal("HUP");
    run.line_with("ends in the middle");
    run.line_with("what ran before runs on");
    run.line_with("before");

    std::fs::write(&path, says("after")).unwrap();
    run.signal("HUP");
    assert!(run.line_with("deployed ").ends_with("2 nodes in 1 flow; 1 started, 1 stopped, 1 ran on"));
    run.line_with("after");

    run.signal("INT");
    let (code, said) = run.wait();
    assert_eq!(code, Some(0), "{said}");
}
