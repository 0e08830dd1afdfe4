use std::io::Write;
use std::sync::LazyLock;

use http_body_util::BodyExt;

use super::*;

fn packed(name: &'static str, content: &str) -> File {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(content.as_bytes()).unwrap();
    File { name, tag: "00000000000000aa", gzip: packer.finish().unwrap().leak() }
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    vec![
        packed("dashboard.html", "<p>dashboard"),
        packed("editor/app-1a2b.js", "let a = 1;"),
        packed("favicon.svg", "<svg/>"),
        packed("index.html", "<style nonce=\"__NONCE__\"></style><meta nonce=\"__NONCE__\">"),
    ]
});

fn with(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn header(response: &Response<Body>, name: &str) -> String {
    response.headers().get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_string())
}

async fn body(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn a_page_has_a_word_of_its_own_each_time() {
    let mut words = Vec::new();
    for _ in 0..2 {
        let response = page(&FILES, "index.html", &HeaderMap::new()).unwrap();
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&response, "cache-control"), "no-cache");
        let policy = header(&response, "content-security-policy");
        let word = policy.split_once("'nonce-").unwrap().1.split_once('\'').unwrap().0.to_string();
        assert_eq!(STANDARD.decode(&word).unwrap().len(), 16);
        let text = String::from_utf8(body(response).await).unwrap();
        assert_eq!(text, format!("<style nonce=\"{word}\"></style><meta nonce=\"{word}\">"));
        words.push(word);
    }
    assert_ne!(words[0], words[1]);
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again_and_neither_is_its_policy() {
    for known in ["\"00000000000000aa\"", "W/\"00000000000000aa\"", "\"x\", \"00000000000000aa\"", "*"] {
        let response = page(&FILES, "index.html", &with(&[("if-none-match", known)])).unwrap();
        assert_eq!(response.status(), 304, "{known}");
        assert_eq!(header(&response, "etag"), "\"00000000000000aa\"");
        assert_eq!(header(&response, "content-security-policy"), "");
        assert_eq!(body(response).await, b"");
    }
    let response = page(&FILES, "index.html", &with(&[("if-none-match", "\"00000000000000bb\"")])).unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn files_are_sent_packed_to_whoever_takes_it() {
    for (accepted, is_packed) in [
        ("gzip, deflate, br", true),
        ("GZIP;q=0.5", true),
        ("*", true),
        ("gzip;q=0", false),
        ("gzip; q=0.0, br", false),
        ("identity", false),
        ("", false),
    ] {
        let headers = with(&[("accept-encoding", accepted)]);
        let response = lasting(&FILES, "editor/app-1a2b.js", &headers).unwrap();
        assert_eq!(header(&response, "content-encoding") == "gzip", is_packed, "{accepted}");
        assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&response, "vary"), "accept-encoding");
        assert_eq!(header(&response, "content-type"), "text/javascript; charset=utf-8");
        let sent = body(response).await;
        match is_packed {
            true => assert_eq!(sent, find(&FILES, "editor/app-1a2b.js").unwrap().gzip),
            false => assert_eq!(sent, b"let a = 1;"),
        }
    }
}

#[tokio::test]
async fn nothing_else_is_served() {
    for name in ["editor/none.js", "editor/../index.html", "editor/", "index.html/"] {
        let fault = lasting(&FILES, name, &HeaderMap::new()).unwrap_err();
        assert_eq!(fault.into_response().status(), 404, "{name}");
    }
    for (path, is) in [
        ("/", true),
        ("/dashboard", true),
        ("/editor/a.js", true),
        ("/favicon.ico", true),
        ("", false),
        ("//", false),
        ("/editor", false),
        ("/editors/a", false),
        ("/dashboard/x", false),
        ("/index.html", false),
    ] {
        assert_eq!(serves(path), is, "{path}");
    }
}

#[tokio::test]
async fn without_an_editor_the_page_says_so_in_plain_words() {
    let response = page(&[], "index.html", &HeaderMap::new()).unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "etag")), (200, String::new()));
    let text = String::from_utf8(body(response).await).unwrap();
    assert!(text.contains("built without the editor") && text.contains("make run"), "{text}");
    assert_eq!(icon(&[], &HeaderMap::new()).unwrap().status(), 204);
    let response = icon(&FILES, &HeaderMap::new()).unwrap();
    assert_eq!(header(&response, "content-type"), "image/svg+xml");
}

#[test]
fn what_is_in_the_program_can_be_unpacked() {
    for file in EMBEDDED {
        assert!(!file.content().unwrap().is_empty(), "{}", file.name);
    }
}
