use rusqlite::Connection;
use serde_json::{Value as Json, json};

use super::*;
use crate::lines::testkit::{TempDir, TestHost, Told};
use crate::testing::{MemoryHost, assert_refused, config};

fn build_in(dir: &TempDir, mut properties: Json) -> Result<Sqlite, NodeError> {
    let mut host = MemoryHost::default();
    host.settings.other.insert("data_dir".to_string(), Value::str(dir.0.to_str().unwrap()));
    let object = properties.as_object_mut().unwrap();
    object.entry("filename").or_insert_with(|| json!("t.db"));
    make(&config("sqlite", properties, &host))
}

/// A node on a database with a table, and what it told.
struct Bench {
    dir: TempDir,
    node: Sqlite,
    told: Arc<Told>,
}

impl Bench {
    async fn new(name: &str, properties: Json) -> Bench {
        let dir = TempDir::new(&format!("sqlite-{name}"));
        let outside = Connection::open(dir.0.join("t.db")).unwrap();
        outside
            .execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); INSERT INTO t(a) VALUES ('one')")
            .unwrap();
        drop(outside);
        let mut bench = Bench { node: build_in(&dir, properties).unwrap(), dir, told: Arc::default() };
        bench.open().await.unwrap();
        bench
    }

    async fn open(&mut self) -> Result<(), NodeError> {
        Connector::open(&mut self.node, Arc::new(TestHost::default())).await
    }

    fn outside(&self) -> Connection {
        Connection::open(self.dir.0.join("t.db")).unwrap()
    }

    fn count(&self) -> i64 {
        self.outside().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    /// Hands over messages, and waits until all are answered or failed.
    async fn run(&mut self, messages: impl IntoIterator<Item = Json>) -> Result<(), NodeError> {
        let mut batch: Vec<Delivery> = messages.into_iter().map(|msg| self.told.delivery(msg)).collect();
        self.node.handle(&mut batch).await?;
        while self.node.running.is_some() || !self.node.waiting.is_empty() {
            self.node.next().await?;
            self.node.handle(&mut batch).await?;
        }
        assert!(batch.is_empty());
        Ok(())
    }

    /// The answer to one message, or the text of its error.
    async fn ask(&mut self, msg: Json) -> Result<Json, String> {
        self.run([msg]).await.unwrap();
        let answer = self.told.answers.lock().unwrap().pop();
        answer.ok_or_else(|| self.told.failed.lock().unwrap().pop().unwrap().0)
    }

    async fn query(&mut self, sql: &str, params: Json) -> Result<Json, String> {
        self.ask(json!({"topic": sql, "params": params})).await
    }
}

fn by_topic() -> Json {
    json!({"sqlFrom": "msg.topic"})
}

#[tokio::test]
async fn rows_are_objects_and_values_keep_their_kind() {
    let mut bench = Bench::new("kinds", by_topic()).await;
    let buffer = json!({"type": "Buffer", "data": [0, 255]});
    let values = json!([null, true, 7, 2.5, "ü'", buffer, [1, {"x": 2}], 9007199254740993_i64]);
    let got = bench.query("SELECT ?1 a, ?2 b, ?3 c, ?4 d, ?5 e, ?6 f, ?7 g, ?8 h", values).await.unwrap();
    let row = json!({"a": null, "b": 1, "c": 7, "d": 2.5, "e": "ü'", "f": buffer, "g": "[1,{\"x\":2}]", "h": 9007199254740993_i64});
    assert_eq!(got["payload"], json!([row]));
    assert_eq!(got.get("changes"), None);
    let types = bench.query("SELECT typeof(?) a, typeof(?) b, typeof(?) c", json!([null, 1.5, buffer])).await;
    assert_eq!(types.unwrap()["payload"], json!([{"a": "null", "b": "real", "c": "blob"}]));
}

#[tokio::test]
async fn what_writes_says_how_much() {
    let mut bench = Bench::new("writes", by_topic()).await;
    let got = bench.query("INSERT INTO t(a) VALUES (?), ('three')", json!(["two"])).await.unwrap();
    assert_eq!(
        (&got["payload"], &got["changes"], &got["lastInsertRowId"]),
        (&json!([]), &json!(2), &json!(3))
    );
    let got = bench.query("UPDATE t SET a = 1 WHERE id > 100", Json::Null).await.unwrap();
    assert_eq!(got["changes"], json!(0));
    let got = bench.query("INSERT INTO t(a) VALUES ('x') RETURNING id", Json::Null).await.unwrap();
    assert_eq!((&got["payload"], &got["changes"]), (&json!([{"id": 4}]), &json!(1)));
    let got = bench.query("CREATE TABLE u(x); -- done", Json::Null).await.unwrap();
    assert_eq!((&got["payload"], &got["changes"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_parameter_is_a_value_and_never_a_part_of_the_query() {
    let properties =
        json!({"sql": "INSERT INTO t(a) VALUES (:name)", "params": "payload", "result": "rows.found"});
    let mut bench = Bench::new("injection", properties).await;
    let evil = "x'); DROP TABLE t; --";
    let got = bench.ask(json!({"payload": {"name": evil}, "topic": "kept"})).await.unwrap();
    assert_eq!(got["rows"], json!({"found": []}));
    assert_eq!((&got["topic"], &got["payload"]), (&json!("kept"), &json!({"name": evil})));
    let stored: String =
        bench.outside().query_row("SELECT a FROM t WHERE id = 2", [], |row| row.get(0)).unwrap();
    assert_eq!((stored.as_str(), bench.count()), (evil, 2));
}

#[tokio::test]
async fn names_go_with_every_sign_and_what_is_missing_is_told() {
    let mut bench = Bench::new("names", by_topic()).await;
    let sql = "SELECT :a + $b + @c + :a AS sum";
    for params in
        [json!({"a": 1, "b": 2, "c": 3, "more": 0}), json!({":a": 1, "$b": 2, "@c": 3}), json!([1, 2, 3])]
    {
        assert_eq!(bench.query(sql, params).await.unwrap()["payload"], json!([{"sum": 7}]));
    }
    let mut error = async |sql, params| bench.query(sql, params).await.unwrap_err();
    assert_eq!(error(sql, json!({"a": 1, "c": 1})).await, "the parameter $b is missing");
    let counts = |n, given| format!("the statement has {n} parameters, and {given} values are given");
    assert_eq!(error("SELECT ?, ?", json!([1])).await, counts(2, 1));
    assert_eq!(error("SELECT 1", json!([1])).await, counts(0, 1));
    assert_eq!(error("SELECT ?", Json::Null).await, counts(1, 0));
    assert_eq!(error("SELECT ?", json!(5)).await, "the parameters are an array or an object, not a number");
    assert!(error("SELECT ?", json!({"a": 1})).await.contains("has no name"));
}

#[tokio::test]
async fn a_wrong_query_is_told_with_its_place_and_the_next_one_runs() {
    let mut bench = Bench::new("wrong", by_topic()).await;
    let (many, long) = ("END;".repeat(200_000), "x".repeat(2_000_000));
    let mut error = async |sql| bench.query(sql, Json::Null).await.unwrap_err();
    assert_eq!(error("SELECT *\n  FORM t").await, "near \"FORM\": syntax error (line 2, column 3)");
    assert!(error("SELECT * FROM none").await.starts_with("no such table: none"));
    assert!(error("INSERT INTO t(id) VALUES (1)").await.contains("UNIQUE constraint failed: t.id"));
    assert_eq!(error("  -- nothing").await, "the query is empty");
    assert_eq!(error("").await, "msg.topic holds no query");
    assert!(error("SELECT 1; DELETE FROM t").await.contains("more than one statement"));
    // Of these the text alone is enough to run out of stack, when they are looked at one inside the other.
    assert!(error(&many).await.contains("more than one statement"));
    assert_eq!(error(&long).await, "statement too long");
    // What SQLite quotes of the query is cut.
    let error_text = error(&long[..1_000_000]).await;
    assert!(error_text.ends_with("... (line 1, column 1)") && error_text.len() < 500, "{}", error_text.len());
    assert!(error("BEGIN").await.contains("leaves a transaction open"));
    assert!(bench.query("SELECT 1", Json::Null).await.is_ok());
    assert_eq!(bench.count(), 1);
}

#[tokio::test]
async fn nothing_reaches_beyond_the_file() {
    let mut bench = Bench::new("beyond", by_topic()).await;
    let other = bench.dir.0.join("other.db");
    for sql in [
        format!("ATTACH '{}' AS x", other.display()),
        format!("VACUUM INTO '{}'", other.display()),
        "SELECT load_extension('x')".to_string(),
        "SELECT writefile('/tmp/x', 'y')".to_string(),
        "PRAGMA hard_heap_limit = 1000".to_string(),
        "PRAGMA temp_store_directory = '/'".to_string(),
        "SELECT * FROM pragma_soft_heap_limit(1000)".to_string(),
    ] {
        let error = bench.query(&sql, Json::Null).await.unwrap_err();
        assert!(!error.is_empty(), "{sql}");
    }
    let error = bench.query("ATTACH 'x' AS x", Json::Null).await.unwrap_err();
    assert!(error.starts_with("no other database can be attached here"), "{error}");
    let error = bench.query("UPDATE sqlite_schema SET sql = 'x'", Json::Null).await.unwrap_err();
    assert!(error.contains("may not be modified"), "{error}");
    assert!(!other.exists());
}

#[tokio::test]
async fn too_much_is_refused_and_undone() {
    let mut bench = Bench::new("much", json!({"sqlFrom": "msg.topic", "limit": 3})).await;
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) ";
    let sql = format!("{numbers} SELECT i FROM n");
    assert_eq!(bench.query(&sql, json!([3])).await.unwrap()["payload"].as_array().unwrap().len(), 3);
    let error = bench.query(&sql, json!([4])).await.unwrap_err();
    assert!(error.starts_with("the query gives more than 3 rows"), "{error}");
    let sql = format!("{numbers} INSERT INTO t(a) SELECT i FROM n RETURNING id");
    assert!(bench.query(&sql, json!([4])).await.unwrap_err().contains("more than 3 rows"));
    assert_eq!(bench.count(), 1);
    let error = bench.query("SELECT zeroblob(?)", json!([100_000_000])).await.unwrap_err();
    assert!(error.contains("too big"), "{error}");
    let error = bench.query("SELECT zeroblob(?1) a, zeroblob(?1) b", json!([20_000_000])).await.unwrap_err();
    assert!(error.contains("more than 32 MiB"), "{error}");
}

#[tokio::test]
async fn a_query_without_end_is_cut_off_and_the_next_one_runs() {
    for many in [false, true] {
        let mut bench =
            Bench::new("endless", json!({"sqlFrom": "msg.topic", "timeout": 0.1, "many": many})).await;
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let start = Instant::now();
        let error = bench.query(endless, Json::Null).await.unwrap_err();
        assert_eq!(error, "the query took longer than 0.1 s and was stopped");
        assert!(start.elapsed() < Duration::from_secs(3));
        assert!(bench.query("SELECT 1", Json::Null).await.is_ok());
        // Nor does it keep the node from closing; the message is given back.
        bench.node.timeout = Duration::from_secs(60);
        let mut batch =
            vec![bench.told.delivery(json!({ "topic": endless })), bench.told.delivery(json!({}))];
        bench.node.handle(&mut batch).await.unwrap();
        assert_eq!(bench.node.take_unconfirmed().len(), 2);
        bench.node.close().await;
        assert!(bench.node.session.is_none() && start.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn several_statements_are_run_when_they_are_allowed() {
    let mut bench = Bench::new("many", json!({"sqlFrom": "msg.topic", "many": true})).await;
    let sql =
        "BEGIN; INSERT INTO t(a) VALUES (1); SELECT * FROM t; INSERT INTO t(a) VALUES (2); COMMIT; -- end";
    let got = bench.query(sql, Json::Null).await.unwrap();
    assert_eq!(
        (&got["payload"], &got["changes"], &got["lastInsertRowId"]),
        (&json!([]), &json!(2), &json!(3))
    );
    let error = bench.query("BEGIN; DELETE FROM t;\nDELETE FORM t; COMMIT", Json::Null).await.unwrap_err();
    assert_eq!(error, "near \"FORM\": syntax error (line 2, column 8)");
    assert!(bench.query("BEGIN; DELETE FROM t", Json::Null).await.unwrap_err().contains("rolled back"));
    assert!(
        bench.query("DELETE FROM t WHERE id = ?", Json::Null).await.unwrap_err().contains("no parameters")
    );
    assert_eq!(bench.count(), 3);
}

#[tokio::test]
async fn answers_keep_the_order_of_messages() {
    let mut bench = Bench::new("order", json!({"sql": "INSERT INTO t(a) VALUES (?)"})).await;
    bench.run((0..500).map(|n| json!({"n": n, "params": [n]}))).await.unwrap();
    let answers = bench.told.answers.lock().unwrap();
    assert!(answers.iter().enumerate().all(|(n, answer)| answer["n"] == json!(n)));
    assert_eq!((answers.len(), bench.told.confirmed.lock().unwrap().len(), bench.count()), (500, 500, 501));
}

#[tokio::test]
async fn a_locked_database_and_a_full_disk_keep_the_message() {
    let mut bench = Bench::new("busy", json!({"sql": "INSERT INTO t(a) VALUES (?)"})).await;
    let other = bench.outside();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = bench.run([json!({"params": [1]}), json!({"params": [2]})]).await.unwrap_err();
    assert!(matches!(&error, NodeError::Disconnected(text) if text.contains("another program")), "{error:?}");
    let mut back = bench.node.take_unconfirmed();
    bench.node.close().await;
    assert_eq!(
        back.iter().map(|d| d.message().get("params").unwrap().to_json()).collect::<Vec<_>>(),
        ["[1]", "[2]"]
    );
    other.execute_batch("ROLLBACK").unwrap();
    bench.open().await.unwrap();
    bench.node.handle(&mut back).await.unwrap();
    bench.run([]).await.unwrap();
    assert_eq!(bench.count(), 3);

    // As SQLite says it of a disk too: the database may grow no further.
    let mut full = Bench::new("full", by_topic()).await;
    full.query("PRAGMA max_page_count = 3", Json::Null).await.unwrap();
    let big = json!({"topic": "INSERT INTO t(a) VALUES (zeroblob(100000))"});
    let error = full.run([big]).await.unwrap_err();
    assert!(matches!(&error, NodeError::Disconnected(text) if text.contains("full")), "{error:?}");
    assert_eq!(full.node.take_unconfirmed().len(), 1);
}

#[tokio::test]
async fn a_new_file_is_in_wal_mode_and_an_old_one_stays_as_it_is() {
    let dir = TempDir::new("sqlite-new");
    let told = Arc::default();
    let node = build_in(&dir, json!({"filename": "new.db", "sql": "PRAGMA journal_mode"})).unwrap();
    let mut bench = Bench { dir, node, told };
    bench.open().await.unwrap();
    assert_eq!(bench.ask(json!({})).await.unwrap()["payload"], json!([{"journal_mode": "wal"}]));
    let mut old = Bench::new("old", json!({"sql": "PRAGMA journal_mode"})).await;
    assert_eq!(old.ask(json!({})).await.unwrap()["payload"], json!([{"journal_mode": "delete"}]));
}

#[tokio::test]
async fn a_file_that_is_only_read_is_not_written_and_not_made() {
    let mut bench = Bench::new("readonly", json!({"sqlFrom": "msg.topic", "readonly": true})).await;
    assert_eq!(bench.query("SELECT a FROM t", Json::Null).await.unwrap()["payload"], json!([{"a": "one"}]));
    let error = bench.query("DELETE FROM t", Json::Null).await.unwrap_err();
    assert!(error.contains("readonly"), "{error}");
    bench.node =
        build_in(&bench.dir, json!({"filename": "none.db", "sql": "SELECT 1", "readonly": true})).unwrap();
    assert!(matches!(bench.open().await, Err(NodeError::Disconnected(text)) if text.contains("none.db")));
    assert!(!bench.dir.0.join("none.db").exists());
    std::fs::write(bench.dir.0.join("text.db"), "no database, but a text of some length".repeat(100))
        .unwrap();
    bench.node = build_in(&bench.dir, json!({"filename": "text.db", "sql": "SELECT 1"})).unwrap();
    assert!(matches!(bench.open().await, Err(NodeError::Fatal(text)) if text.contains("not a database")));
}

#[tokio::test]
async fn the_gateways_own_files_are_not_opened_by_any_name() {
    let dir = TempDir::new("sqlite-own");
    let whole = dir.0.join("data.db");
    for filename in [
        "tidegate.db",
        "data.db-wal",
        "./data.db",
        "../x.db",
        "a/../data.db",
        "",
        " ",
        "/",
        ":memory:",
        whole.to_str().unwrap(),
    ] {
        assert_refused(build_in(&dir, json!({"filename": filename, "sql": "SELECT 1"})), "/filename");
    }
    std::fs::write(&whole, "").unwrap();
    std::os::unix::fs::symlink(&whole, dir.0.join("soft.db")).unwrap();
    std::fs::hard_link(&whole, dir.0.join("hard.db")).unwrap();
    std::os::unix::fs::symlink(&dir.0, dir.0.join("folder")).unwrap();
    std::os::unix::fs::symlink(dir.0.join("tidegate.db"), dir.0.join("dangling.db")).unwrap();
    for filename in ["soft.db", "hard.db", "folder/data.db", "dangling.db"] {
        let mut node = build_in(&dir, json!({"filename": filename, "sql": "SELECT 1"})).unwrap();
        let opened = Connector::open(&mut node, Arc::new(TestHost::default())).await;
        assert!(!dir.0.join("tidegate.db").exists());
        assert!(
            matches!(&opened, Err(NodeError::Fatal(text)) if text.contains("gateway's own") || text.contains("a link to nothing")),
            "{filename}: {opened:?}"
        );
    }
    // A name that SQLite would read as a URI is a name.
    let mut node = build_in(&dir, json!({"filename": "file:data.db", "sql": "SELECT 1"})).unwrap();
    Connector::open(&mut node, Arc::new(TestHost::default())).await.unwrap();
    assert!(dir.0.join("file:data.db").exists());
}

#[test]
fn wrong_properties_are_refused_with_their_place() {
    let dir = TempDir::new("sqlite-wrong");
    for (properties, pointer) in [
        (json!({}), "/sql"),
        (json!({"sql": " "}), "/sql"),
        (json!({"sql": "SELECT 1", "sqlFrom": "batch"}), "/sqlFrom"),
        (json!({"sql": "SELECT 1", "paramsType": "flow"}), "/paramsType"),
        (json!({"sql": "SELECT 1", "paramsType": "json", "params": "{"}), "/params"),
        (json!({"sql": "SELECT 1", "result": "a..b"}), "/result"),
        (json!({"sql": "SELECT 1", "limit": 0}), "/limit"),
        (json!({"sql": "SELECT 1", "timeout": 0}), "/timeout"),
    ] {
        assert_refused(build_in(&dir, properties), pointer);
    }
}
