//! Paths of strangers, and links that lie in wait.

use std::os::unix::fs::symlink;

use super::*;

fn at(kind: &str, path: &str) -> Path {
    Path::new(kind, path).unwrap()
}

#[test]
fn a_file_is_written_read_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::of(folder.path());
    assert_eq!(files.read(&at("functions", "")).unwrap(), None);
    files.write(&at("functions", "deep/er/a.js"), b"one").unwrap();
    files.write(&at("functions", "deep/er/a.js"), b"two").unwrap();
    files.write(&at("functions", "b.js"), b"b").unwrap();
    assert_eq!(files.read(&at("functions", "deep/er/a.js")).unwrap(), Some(Entry::File("two".to_string())));
    let listed = files.read(&at("functions", "")).unwrap();
    let expected = Entry::Folder {
        folders: vec!["deep".to_string()],
        files: vec![("b.js".to_string(), "b".to_string())],
    };
    assert_eq!(listed, Some(expected));
    assert_eq!(files.read(&at("functions", "b.js/x")).unwrap(), None);
    assert!(matches!(files.write(&at("functions", "deep"), b"x"), Err(Failure::InTheWay(_))));
    assert!(matches!(files.write(&at("functions", "b.js/x"), b"x"), Err(Failure::InTheWay(_))));
    // Nothing half written is left.
    let left: Vec<_> = std::fs::read_dir(folder.path().join("lib/functions")).unwrap().collect();
    assert_eq!(left.len(), 2);
}

#[test]
fn no_path_leads_out() {
    let long = "x".repeat(200);
    for (kind, path) in [
        ("functions", ".."),
        ("functions", "../users"),
        ("functions", "a/../../b"),
        ("functions", "/etc/passwd"),
        ("functions", "a//b"),
        ("functions", "a/./b"),
        ("functions", ".hidden"),
        ("functions", "a\0b"),
        ("functions", "a\\b"),
        ("functions", "a\nb"),
        ("functions", "1/2/3/4/5/6/7/8/9"),
        ("..", "a"),
        ("", "a"),
        ("a/b", "c"),
        ("functions", &long),
    ] {
        assert!(Path::new(kind, path).is_err(), "{kind:?} {path:?}");
    }
}

#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let files = Files::of(folder.path());
    files.write(&at("functions", "a"), b"a").unwrap();
    let lib = folder.path().join("lib/functions");
    symlink(outside.path(), lib.join("folder")).unwrap();
    symlink(outside.path().join("secret"), lib.join("file")).unwrap();
    assert!(matches!(files.read(&at("functions", "file")), Err(Failure::InTheWay(_))));
    assert!(!matches!(files.read(&at("functions", "folder/secret")), Ok(Some(_))));
    assert!(files.write(&at("functions", "file"), b"x").is_err());
    assert!(files.write(&at("functions", "folder/new"), b"x").is_err());
    assert_eq!(std::fs::read_to_string(outside.path().join("secret")).unwrap(), "secret");
    assert!(!outside.path().join("new").exists());
    let Some(Entry::Folder { folders, files: listed }) = files.read(&at("functions", "")).unwrap() else {
        panic!("no folder");
    };
    assert_eq!((folders.len(), listed.len()), (0, 1), "links are not shown");
    // All of the library may be a link too.
    let other = tempfile::tempdir().unwrap();
    symlink(outside.path(), other.path().join("lib")).unwrap();
    assert!(Files::of(other.path()).write(&at("functions", "a"), b"x").is_err());
}

#[test]
fn it_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::of(folder.path());
    let large = vec![b'x'; 16 * 1024 * 1024];
    for n in 0..4 {
        files.write(&at("functions", &n.to_string()), &large).unwrap();
    }
    assert!(matches!(files.write(&at("functions", "more"), b"x"), Err(Failure::Full(_))));
}
