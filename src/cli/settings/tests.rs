//! What may be said in the file, in the environment and by flags.

use std::fs;

use super::*;

fn load(file: &str, env: &[(&str, &str)], flags: &Flags) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), file).unwrap();
    let env = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
    let path = format!("{}/", dir.path().display());
    Settings::from(dir.path(), flags, env).map_err(|error| format!("{error:#}").replace(&path, ""))
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let file = "# what a card bears\ndurability = \"normal\"\nhold_limit = 1_000\ndrain = 1\nbatch_messages = 0x10\n";
    let env = [("TIDEGATE_HOLD_LIMIT", "2000"), ("TIDEGATE_DRAIN", "2"), ("TIDEGATE_DURABILITY", "")];
    let flags = Flags::with("drain", "3");
    let settings = load(file, &env, &flags).unwrap();
    let expected = Settings {
        durability: Durability::Normal,
        hold_limit: 2_000,
        drain: 3,
        batch_messages: 16,
        ..Settings::default()
    };
    assert_eq!(settings, expected);
    assert_eq!(load("", &[], &Flags::default()).unwrap(), Settings::default());
    assert_eq!(settings.store().batching.messages, 16);
}

#[test]
fn what_is_wrong_is_said_with_file_line_and_what_is_expected() {
    for (file, says) in [
        (
            "\n\ndurabilty = \"full\"",
            "tidegate.toml, line 3: no setting `durabilty`; did you mean `durability`?",
        ),
        ("colour = 1", "line 1: no setting `colour`; there are durability, batch_linger_ms"),
        (
            "drain = 1\nhold_limit = \"many\"",
            "line 2: `hold_limit` is the text \"many\": expected a whole number from 1 to",
        ),
        ("hold_limit = 0", "line 1: `hold_limit` is 0: expected a whole number from 1"),
        ("hold_limit = -5", "`hold_limit` is -5: expected"),
        ("hold_limit = 1.5", "`hold_limit` is of type float: expected"),
        ("durability = \"ful\"", "`durability` is ful: expected one of full, normal, off"),
        ("durability = 2", "`durability` is of type integer: expected one of"),
        ("[store]\ndrain = 1", "line 1: no setting `store`"),
        ("drain = 1\ndrain = 2", "tidegate.toml, line 2: duplicate key"),
        ("mqtt = \"1883\"", "`mqtt` is 1883: expected an address and a port, such as 127.0.0.1:1880, or off"),
        ("insecure_listen = 1", "`insecure_listen` is of type integer: expected true or false"),
        ("drain 1", "tidegate.toml, line 1: "),
    ] {
        let error = load(file, &[], &Flags::default()).unwrap_err();
        assert!(error.contains(says), "{file:?}: {error}");
    }
    let error = load("", &[("TIDEGATE_DRAIN", "soon")], &Flags::default()).unwrap_err();
    assert_eq!(
        error,
        "TIDEGATE_DRAIN in the environment is \"soon\": expected a whole number from 0 to 86400"
    );
}

#[test]
fn others_are_let_in_only_where_somebody_has_said_so() {
    let load = |file: &str| load(file, &[], &Flags::default());
    assert_eq!(load("").unwrap().api(None).listen, Listen::Always(LISTEN));
    assert_eq!(load("listen = \"off\"").unwrap().api(None).listen, Listen::Never);
    let local = "[::1]:8080".parse().unwrap();
    assert_eq!(load("listen = \"[::1]:8080\"").unwrap().api(None).listen, Listen::Always(local));
    let everywhere = "0.0.0.0:1880".parse().unwrap();
    let open = load("listen = \"0.0.0.0:1880\"\ninsecure_listen = true").unwrap();
    assert_eq!(open.api(None).listen, Listen::Always(everywhere));
    let refused = load("listen = \"0.0.0.0:1880\"").unwrap_err();
    assert!(refused.contains("--insecure-listen"), "{refused}");
    let files = load("tls = true\ntls_certificate = \"/etc/a.pem\"\ntls_key = \"own/k.pem\"").unwrap();
    let files = files.tls_files(Path::new("/data")).unwrap();
    assert_eq!((files.certificate, files.key), ("/etc/a.pem".into(), "/data/own/k.pem".into()));
    assert!(load("").unwrap().tls_files(Path::new("/data")).is_none());
    let half = load("tls = true\ntls_key = \"k.pem\"").unwrap_err();
    assert!(half.contains("go together"), "{half}");
    let off = load("tls_key = \"k.pem\"").unwrap_err();
    assert!(off.contains("add --tls"), "{off}");
    let wrong = load("listen = \"everywhere\"").unwrap_err();
    assert!(wrong.contains("expected an address and a port"), "{wrong}");
    assert!(load("insecure_listen = 1").unwrap_err().contains("expected true or false"));
}

#[test]
fn where_deploys_come_from_is_said_and_no_password_is_shown() {
    let file = "name = \"site-7\"\nremote_mqtt = \"mqtts://u:hunter2@b:8883\"\nremote_pull = \"https://h/site.bundle\"";
    let settings = load(file, &[], &Flags::default()).unwrap();
    let address = settings.remote_mqtt.clone().unwrap();
    assert_eq!((address.url.as_str(), address.password.as_str()), ("mqtts://b:8883", "hunter2"));
    assert_eq!((settings.remote_prefix.as_str(), settings.remote_pull_seconds), ("tidegate", 300));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let wrong = "http://u:hunter2@b";
    for error in [
        load(&format!("remote_mqtt = {wrong:?}"), &[], &Flags::default()).unwrap_err(),
        load("", &[("TIDEGATE_REMOTE_MQTT", wrong)], &Flags::default()).unwrap_err(),
        load("", &[], &Flags::with("remote_mqtt", wrong)).unwrap_err(),
        load("", &[], &Flags::with("remote_pull", wrong)).unwrap_err(),
    ] {
        assert!(error.contains("http://...@b") && error.contains("expected an address"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(load("name = \"a/b\"", &[], &Flags::default()).unwrap_err().contains("expected a name"));
    assert!(
        load("remote_prefix = \"a/#\"", &[], &Flags::default()).unwrap_err().contains("beginning of a topic")
    );
    assert!(load("remote_pull_seconds = 9", &[], &Flags::default()).unwrap_err().contains("from 10"));
}

#[test]
fn every_setting_is_a_flag_of_the_same_name() {
    use clap::Parser;
    #[derive(Parser)]
    struct All {
        #[command(flatten)]
        flags: Flags,
    }
    for setting in SETTINGS {
        let value = match setting.kind {
            Kind::Choice(words) => words[0].to_string(),
            Kind::Whole { least, .. } => least.to_string(),
            Kind::Switch => "false".to_string(),
            Kind::Address => "[::1]:80".to_string(),
            Kind::File => "a.pem".to_string(),
            Kind::Text { form, .. } => form.to_string(),
        };
        let flag = format!("--{}", setting.name.replace('_', "-"));
        let all = All::try_parse_from(["x", &format!("{flag}={value}")]).map_err(|error| error.to_string());
        assert_eq!(all.unwrap().flags.get(setting.name), Some(value.as_str()));
        if matches!(setting.kind, Kind::File | Kind::Text { .. }) {
            continue;
        }
        let wrong = All::try_parse_from(["x", &format!("{flag}=wrong")]).err().unwrap().to_string();
        assert!(wrong.contains("expected "), "{wrong}");
    }
    let bare = All::try_parse_from(["x", "--insecure-listen"]).map_err(|error| error.to_string());
    assert_eq!(bare.unwrap().flags.get("insecure_listen"), Some("true"));
}
