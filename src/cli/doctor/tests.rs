use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::{Finding, Verdict, data, machine, network};
use crate::flow::{Document, Limits};

fn verdicts(findings: &[Finding]) -> Vec<(&str, Verdict)> {
    findings.iter().map(|finding| (finding.about, finding.verdict)).collect()
}

#[test]
fn a_directory_is_judged_by_its_owner_its_mode_and_its_disk() {
    let dir = tempfile::tempdir().unwrap();
    let absent = data::directory(&dir.path().join("none"));
    assert_eq!(verdicts(&absent), [("data", Verdict::Ok)]);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(verdicts(&data::directory(&file)), [("data", Verdict::Bad)]);

    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(data::directory(&home).iter().all(|finding| finding.verdict != Verdict::Bad));
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "the probe is gone");

    fs::write(home.join("tidegate.key"), "secret").unwrap();
    fs::set_permissions(home.join("tidegate.key"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    let open = data::directory(&home);
    let of =
        |about| open.iter().find(|finding| finding.about == about && finding.verdict != Verdict::Ok).unwrap();
    assert!(of("data").advice.as_ref().unwrap().starts_with("chmod 750"));
    assert_eq!(of("key").verdict, Verdict::Bad);
}

#[test]
fn a_clock_that_cannot_be_right_is_told() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let (now, day) = (1_800_000_000, 86_400);
    let judge = |now, written, synchronised| machine::clock_at(at(now), written, synchronised).verdict;
    assert_eq!(judge(3_600, None, None), Verdict::Bad);
    assert_eq!(judge(now, None, None), Verdict::Ok);
    assert_eq!(judge(now, Some(at(now + 2 * day)), Some(true)), Verdict::Bad);
    assert_eq!(judge(now, Some(at(now + day / 2)), Some(true)), Verdict::Ok);
    assert_eq!(judge(now, None, Some(false)), Verdict::Warning);
}

#[test]
fn power_wear_and_memory_are_read_where_the_board_tells_them() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let judge = |about: &str| {
        let all = machine::hardware(root.path());
        all.iter().find(|finding| finding.about == about).map(|finding| finding.verdict)
    };
    assert_eq!((judge("power"), judge("wear"), judge("memory")), (None, None, None));
    let power = "sys/devices/platform/soc/soc:firmware/get_throttled";
    for (text, verdict) in [("0\n", Verdict::Ok), ("50000\n", Verdict::Warning), ("0x50005\n", Verdict::Bad)]
    {
        put(power, text);
        assert_eq!(judge("power"), Some(verdict), "{text}");
    }
    let wear = "sys/block/mmcblk0/device/life_time";
    for (text, verdict) in
        [("0x01 0x02\n", Verdict::Ok), ("0x01 0x09\n", Verdict::Warning), ("0x0b 0x01\n", Verdict::Bad)]
    {
        put(wear, text);
        assert_eq!(judge("wear"), Some(verdict), "{text}");
    }
    put("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable:   20000 kB\n");
    assert_eq!(judge("memory"), Some(Verdict::Warning));
}

#[test]
fn servers_that_flows_name_are_tried_once_each() {
    let there = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = there.local_addr().unwrap().port();
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let document = json!([
        {"id": "t", "type": "tab", "label": "x"},
        {"id": "a", "type": "mqtt-broker", "broker": "127.0.0.1", "port": port.to_string()},
        {"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": port},
        {"id": "c", "type": "amqp-broker", "host": "127.0.0.1", "port": gone.to_string()},
        {"id": "d", "type": "mqtt-broker", "broker": "${BROKER}", "port": "1883"},
        {"id": "e", "type": "mqtt-broker", "broker": "no.such.name.invalid", "port": "1883"},
    ]);
    let document = Document::from_json(document, &Limits::default()).unwrap();
    let findings = network::brokers(&document);
    assert_eq!(
        verdicts(&findings),
        [("server", Verdict::Ok), ("server", Verdict::Warning), ("server", Verdict::Warning)]
    );
    assert!(findings[1].advice.as_ref().unwrap().contains("nothing listens"), "{findings:?}");
    assert!(findings[2].advice.as_ref().unwrap().contains("name is not known"), "{findings:?}");
}
