//! Databases as the store makes them, by SQLite itself, with records that can be computed; and what must come out of them.

use crate::store::block::{self, Blocks, Record};
use crate::store::schema::{self, create_segment, segment_table};
use rusqlite::{Connection, OpenFlags, params};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tidegate_nodes::testing::splitmix;
use tidegate_nodes::value::{Object, Str, Value};

pub const LOGS: [(u32, &str); 3] = [(1, "telemetry"), (2, "alarms"), (3, "pictures")];

/// Numbers that look random and are the same each time.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        splitmix(&mut self.0) % n
    }
}

/// The record that stands at a place. Pictures do not compress, and are larger than a page.
pub fn record(log: u32, sequence: u64) -> Rc<Record> {
    thread_local!(static MADE: RefCell<HashMap<(u32, u64), Rc<Record>>> = RefCell::default());
    MADE.with_borrow_mut(|made| {
        made.entry((log, sequence)).or_insert_with(|| Rc::new(make(log, sequence))).clone()
    })
}

fn make(log: u32, sequence: u64) -> Record {
    let mut random = Random(u64::from(log) << 40 | sequence);
    let payload: String = match log {
        3 => {
            let length = 3_000 + random.below(9_000);
            (0..length).map(|_| char::from(b' ' + random.below(90) as u8)).collect()
        }
        _ => format!("{} of {log}: {}", sequence, random.below(1 << 50)),
    };
    Record {
        value: [("topic", Value::from("site/7")), ("payload", Value::from(&payload[..]))]
            .into_iter()
            .collect(),
        wall_ms: 1_760_000_000_000 + sequence as i64,
        ran_ms: sequence * 10,
        event_ms: sequence.is_multiple_of(2).then_some(5),
        source: Str::new("in"),
        key: sequence.is_multiple_of(3).then(|| Str::new("site/7")),
        about: Object::new(),
    }
}

pub fn scratch() -> tempfile::TempDir {
    match Path::new("/dev/shm").is_dir() {
        true => tempfile::tempdir_in("/dev/shm").unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

/// A fresh database with the tables of the schema.
pub fn fresh(path: Option<&Path>) -> Connection {
    let connection = match path {
        Some(path) => Connection::open(path).unwrap(),
        None => Connection::open_in_memory().unwrap(),
    };
    connection.execute_batch(&schema::DATA.concat()).unwrap();
    connection
}

/// Appends as the store does: blocks, readers and state in one commit.
pub struct Writer {
    pub connection: Connection,
    next: BTreeMap<u32, u64>,
    segment: BTreeMap<u32, i64>,
    segments: i64,
    /// The first sequence of each segment that is kept.
    pub firsts: BTreeMap<u32, Vec<(i64, u64)>>,
}

impl Writer {
    pub fn new(path: &Path, page_size: u32) -> Writer {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "page_size", page_size).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        connection.execute_batch(&schema::DATA.concat()).unwrap();
        let mut writer = Writer {
            connection,
            next: BTreeMap::new(),
            segment: BTreeMap::new(),
            segments: 0,
            firsts: BTreeMap::new(),
        };
        writer.connection.execute("INSERT INTO meta VALUES ('ran_ms', 77)", []).unwrap();
        for (log, name) in LOGS {
            writer
                .connection
                .execute("INSERT INTO logs (id, name) VALUES (?, ?)", params![log, name])
                .unwrap();
            writer.connection.execute("INSERT INTO readers VALUES (?, 'out', 0, 0)", [log]).unwrap();
            writer.next.insert(log, 1);
            writer.begin_segment(log);
        }
        writer
    }

    pub fn begin_segment(&mut self, log: u32) {
        let first = self.next[&log];
        if let Some(old) = self.segment.get(&log) {
            let last = first as i64 - 1;
            self.connection.execute("UPDATE segments SET last = ? WHERE id = ?", params![last, old]).unwrap();
        }
        self.segments += 1;
        self.connection.execute_batch(&create_segment(self.segments)).unwrap();
        let row = params![self.segments, log, first as i64];
        self.connection.execute("INSERT INTO segments (id, log, first) VALUES (?, ?, ?)", row).unwrap();
        self.segment.insert(log, self.segments);
        self.firsts.entry(log).or_default().push((self.segments, first));
    }

    pub fn drop_oldest(&mut self, log: u32) {
        let (id, _) = self.firsts.get_mut(&log).unwrap().remove(0);
        self.connection.execute_batch(&format!("DROP TABLE {}", segment_table(id))).unwrap();
        self.connection.execute("DELETE FROM segments WHERE id = ?", [id]).unwrap();
    }

    pub fn append(&mut self, log: u32, count: u64) {
        self.connection.execute_batch("BEGIN").unwrap();
        let first = self.next[&log];
        let mut blocks = Blocks::new(log, first);
        (first..first + count).for_each(|n| _ = blocks.push(&record(log, n)));
        blocks.finish();
        let table = segment_table(self.segment[&log]);
        for (head, block) in &blocks.finished {
            let sql = format!("INSERT INTO {table} VALUES (?, ?)");
            self.connection.execute(&sql, params![head.first as i64, block]).unwrap();
        }
        let next = first + count;
        self.next.insert(log, next);
        let position = (next - 1) as i64 / 2;
        let sql = "UPDATE readers SET position = ?, confirmed = ? WHERE log = ?";
        self.connection.execute(sql, params![position, position, log]).unwrap();
        let state = params![format!("node{}", next % 7), vec![next as u8; 20]];
        self.connection.execute("INSERT OR REPLACE INTO state VALUES (?1, 'last', ?2)", state).unwrap();
        self.connection.execute_batch("COMMIT").unwrap();
    }

    pub fn checkpoint(&self) {
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    }

    pub fn floor(&self, log: u32) -> u64 {
        self.firsts[&log][0].1
    }
}

/// A database with a WAL, of which a part was checkpointed and then written over, a segment that was dropped, and commits in
/// the WAL only.
pub fn busy(path: &Path, seed: u64, page_size: u32) -> Writer {
    let mut writer = Writer::new(path, page_size);
    let mut random = Random(seed);
    let mut rounds = |writer: &mut Writer, rounds: u64| {
        for round in 0..rounds {
            let log = 1 + random.below(3) as u32;
            let count = if log == 3 { 1 + random.below(2) } else { 5 + random.below(30) };
            writer.append(log, count);
            if round % 6 == 5 {
                writer.begin_segment(log);
            }
        }
    };
    rounds(&mut writer, 30);
    for log in [1, 2, 3] {
        if writer.firsts[&log].len() > 2 {
            writer.drop_oldest(log);
        }
    }
    writer.checkpoint();
    // These stand in front of frames from before the checkpoint.
    rounds(&mut writer, 14);
    writer
}

/// The database and its WAL as they lie on disk after a cut.
#[derive(Clone)]
pub struct Files {
    pub main: Vec<u8>,
    pub wal: Vec<u8>,
}

impl Files {
    pub fn read(path: &Path) -> Files {
        let read = |path: PathBuf| std::fs::read(path).unwrap_or_default();
        Files { main: read(path.to_owned()), wal: read(super::wal::path_of(path)) }
    }

    pub fn write(&self, path: &Path) {
        std::fs::write(path, &self.main).unwrap();
        std::fs::write(super::wal::path_of(path), &self.wal).unwrap();
    }

    pub fn are_at(&self, path: &Path) -> bool {
        let now = Files::read(path);
        now.main == self.main && now.wal == self.wal
    }
}

/// What stands in a database, read by SQLite alone.
#[derive(Debug, Default, PartialEq)]
pub struct Content {
    pub records: BTreeMap<u32, BTreeSet<u64>>,
    pub rows: BTreeMap<&'static str, Vec<String>>,
    pub gaps: BTreeMap<String, Vec<(u64, u64)>>,
}

/// Reads the whole of it. What is no record as it was written, or is there twice, is an error.
pub fn content(of: &Connection) -> Result<Content, String> {
    let mut content = Content::default();
    let text = |error: rusqlite::Error| error.to_string();
    let mut segments = of.prepare("SELECT id, log FROM segments ORDER BY log, id").map_err(text)?;
    let segments = segments.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(text)?;
    for segment in segments {
        let (id, log): (i64, u32) = segment.map_err(text)?;
        let mut blocks =
            of.prepare(&format!("SELECT block FROM {} ORDER BY first", segment_table(id))).map_err(text)?;
        let mut rows = blocks.query([]).map_err(text)?;
        let seen = content.records.entry(log).or_default();
        while let Some(row) = rows.next().map_err(text)? {
            let block: Vec<u8> = row.get(0).map_err(text)?;
            let (head, records) = block::open(&block).map_err(|error| error.to_string())?;
            if head.log != log {
                return Err(format!("log {log} has a block of log {}", head.log));
            }
            for (sequence, found) in records {
                if found != *record(log, sequence) {
                    return Err(format!("record {sequence} of log {log} is not what was written"));
                }
                if seen.last().is_some_and(|last| *last >= sequence) {
                    return Err(format!("record {sequence} of log {log} is there twice, or out of order"));
                }
                seen.insert(sequence);
            }
        }
    }
    for (table, columns) in [
        ("logs", "id || name || settings"),
        ("readers", "log || name || position || ' ' || confirmed"),
        ("skips", "log || ' ' || reader || ' ' || first || ' ' || last"),
        ("ahead", "log || ' ' || reader || ' ' || first || ' ' || last"),
        ("state", "owner || key || hex(value)"),
        ("meta", "key || value"),
    ] {
        let sql = format!("SELECT {columns} FROM {table} ORDER BY 1");
        let mut rows = of.prepare(&sql).map_err(text)?;
        let rows = rows.query_map([], |row| row.get(0)).map_err(text)?;
        content.rows.insert(table, rows.collect::<Result<_, _>>().map_err(text)?);
    }
    let mut gaps = of
        .prepare("SELECT scope, first, last FROM ledger WHERE reason = 'salvage gap' ORDER BY id")
        .map_err(text)?;
    let gaps = gaps
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
        .map_err(text)?;
    for gap in gaps {
        let (scope, first, last): (String, _, _) = gap.map_err(text)?;
        content.gaps.entry(scope).or_default().push((first as u64, last as u64));
    }
    Ok(content)
}

/// Which pages a table is in, and for each page of a segment, the records of the blocks that need it.
#[derive(Debug, Default)]
pub struct Map {
    pub tables: BTreeMap<u32, String>,
    pub records: BTreeMap<u32, Vec<(u32, u64)>>,
}

/// By `dbstat`, which is SQLite's own walk: not by what is tested.
pub fn map(of: &Connection) -> Map {
    let mut map = Map::default();
    let mut pages =
        of.prepare("SELECT name, path, pageno, pagetype, ncell FROM dbstat ORDER BY name, path").unwrap();
    let pages = pages.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, i64>(4)? as usize))
    });
    let pages: Vec<(String, String, u32, String, usize)> = pages.unwrap().collect::<Result<_, _>>().unwrap();
    for (name, _, page, _, _) in &pages {
        map.tables.insert(*page, name.clone());
    }
    let mut segments = of.prepare("SELECT id, log FROM segments").unwrap();
    let segments: Vec<(i64, u32)> =
        segments.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    for (id, log) in segments {
        let table = segment_table(id);
        let mut blocks = of.prepare(&format!("SELECT block FROM {table} ORDER BY first")).unwrap();
        let heads: Vec<block::Head> = blocks
            .query_map([], |row| Ok(block::check(row.get_ref(0)?.as_blob().unwrap()).unwrap()))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let mut heads = heads.into_iter();
        let its: Vec<_> = pages.iter().filter(|page| page.0 == table).collect();
        for (_, path, page, _, cells) in its.iter().filter(|page| page.3 == "leaf") {
            for cell in 0..*cells {
                let head = heads.next().unwrap();
                let rests = format!("{path}{}{cell:03x}+", if path.ends_with('/') { "" } else { "/" });
                let rests = its.iter().filter(|page| page.1.starts_with(&rests)).map(|page| page.2);
                for page in rests.chain([*page]) {
                    let records = map.records.entry(page).or_default();
                    records.extend((head.first..=head.last()).map(|sequence| (log, sequence)));
                }
            }
        }
        assert_eq!(heads.next(), None, "each block is in a leaf");
    }
    map
}

pub fn open_plainly(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}
