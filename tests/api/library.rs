//! Node-RED's library of functions, templates and flows.

use serde_json::json;

use super::{ask, get, log_in, start};

#[test]
fn entries_come_back_with_what_is_said_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let eve = log_in(&gateway, "eve");
    let post = |target: &str, body| ask(&gateway, &eve, "POST", target, "", &body);
    assert_eq!(get(&gateway, &eve, "/library/local/functions").json(), json!([]));
    let function = json!({"name": "Parse", "outputs": 2, "text": "return msg;\n"});
    let saved = post("/library/local/functions/site/parse.js", function);
    assert_eq!((saved.status, saved.body.as_str()), (204, ""));
    let read = get(&gateway, &eve, "/library/local/functions/site/parse.js");
    assert_eq!(
        (read.body.as_str(), read.header("content-type").unwrap()),
        ("return msg;\n", "text/plain; charset=utf-8")
    );
    assert_eq!(get(&gateway, &eve, "/library/local/functions/").json(), json!(["site"]));
    assert_eq!(
        get(&gateway, &eve, "/library/local/functions/site/").json(),
        json!([{"name": "Parse", "outputs": "2", "fn": "parse.js"}])
    );
    let flow = json!([{"id": "x", "type": "inject"}]);
    assert_eq!(post("/library/local/flows/starter", flow.clone()).status, 204);
    for name in ["starter", "starter.json"] {
        let read = get(&gateway, &eve, &format!("/library/local/flows/{name}"));
        assert_eq!((read.json(), read.header("content-type").unwrap()), (flow.clone(), "application/json"));
    }
    assert!(folder.path().join("data/lib/flows/starter.json").is_file());
    assert_eq!(get(&gateway, &eve, "/library/local/templates/none/").json(), json!([]));
    // It is a matter for editors, and stands in the audit.
    let vic = log_in(&gateway, "vic");
    assert_eq!(get(&gateway, &vic, "/library/local/flows").status, 200);
    assert_eq!(ask(&gateway, &vic, "POST", "/library/local/flows/x", "", &flow).status, 403);
    assert_eq!(get(&gateway, "", "/library/local/flows").status, 401);
    let audit = get(&gateway, &log_in(&gateway, "ada"), "/api/v1/audit").body;
    assert!(audit.contains("functions/site/parse.js"), "{audit}");
}

#[test]
fn no_path_leads_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let eve = log_in(&gateway, "eve");
    let entry = json!({"text": "x"});
    for path in [
        "..%2F..%2Fx",
        "%2Fetc%2Fpasswd",
        "a%2F..%2F..%2F..%2Fx",
        "%00",
        "a%5Cb",
        ".hidden",
        "a%2F%2Fb",
        &"x".repeat(200),
    ] {
        let target = format!("/library/local/functions/{path}");
        assert_eq!(ask(&gateway, &eve, "POST", &target, "", &entry).status, 400, "{path}");
        assert_eq!(get(&gateway, &eve, &target).status, 400, "{path}");
    }
    for (target, status) in [
        ("/library/local/..%2F..%2Fx/y", 400),
        ("/library/other/functions/x", 404),
        ("/library/local/functions/x", 404),
        ("/library/local/flows/x", 404),
    ] {
        let read = get(&gateway, &eve, target);
        assert_eq!(read.status, status, "{target}: {}", read.body);
    }
    for (body, target, code) in [
        ("{", "/library/local/functions/a", "bad_json"),
        ("{}", "/library/local/functions/a", "bad_entry"),
        ("{\"text\": \"\", \"a b\": 1}", "/library/local/functions/a", "bad_entry"),
        ("{}", "/library/local/functions", "bad_path"),
    ] {
        let reply = gateway.ask("POST", target, &format!("content-type: application/json\r\n{eve}"), body);
        assert_eq!((reply.status, reply.json()["code"].as_str().unwrap()), (400, code), "{target} {body}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the data and the flow");
}
