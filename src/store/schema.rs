//! The tables of the two databases, by version. A version is never changed once it is released: the next is appended.

/// `data.db`: what flows.
///
/// A segment is a table of its own, `segment_<id>`, so that it is dropped whole; its blocks say themselves what they are.
/// How far a log goes is read from its last block, so that appending writes nothing but the block.
pub const DATA: &[&str] = &["
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE logs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, settings TEXT NOT NULL DEFAULT '{}');
    -- last, bytes, oldest_ran_ms and newest_ran_ms are filled in when the next segment is begun.
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY, log INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER,
        bytes INTEGER, oldest_ran_ms INTEGER, newest_ran_ms INTEGER);
    -- All up to position is done with; so many of them were confirmed, the others are in the ledger.
    CREATE TABLE readers (
        log INTEGER NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (log, name)) WITHOUT ROWID;
    -- Ranges beyond a reader's position that it is done with too.
    CREATE TABLE skips (
        log INTEGER NOT NULL, reader TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (log, reader, first)) WITHOUT ROWID;
    CREATE TABLE state (owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (owner, key)) WITHOUT ROWID;
    CREATE TABLE context (
        store TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (store, owner, key)) WITHOUT ROWID;
    CREATE TABLE ledger (
        id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, scope TEXT NOT NULL, reason TEXT NOT NULL,
        count INTEGER NOT NULL, first INTEGER, last INTEGER, detail TEXT);
    -- Rows of the ledger that were folded into sums to bound it.
    CREATE TABLE ledger_totals (
        scope TEXT NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (scope, reason)) WITHOUT ROWID;
", "
    -- What the reader of a queue has confirmed beyond its position, where that is much: behind a message that is tried again
    -- and again. Without it all of that would be sent again after a crash.
    CREATE TABLE ahead (
        log INTEGER NOT NULL, reader TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (log, reader, first)) WITHOUT ROWID;
"];

/// `tidegate.db`: what people configure.
pub const CONFIG: &[&str] = &["
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
", "
    -- document is compressed and without secrets; secrets are sealed. standing is probation, good, failed or left.
    CREATE TABLE revisions (
        number INTEGER PRIMARY KEY, rev TEXT NOT NULL UNIQUE, wall_ms INTEGER NOT NULL, who TEXT NOT NULL, via TEXT NOT NULL,
        why TEXT NOT NULL, deployment TEXT NOT NULL, nodes INTEGER NOT NULL, document BLOB NOT NULL, secrets BLOB,
        diff TEXT NOT NULL, standing TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '');
    -- password is a hash in the PHC form.
    CREATE TABLE users (
        name TEXT PRIMARY KEY, password TEXT NOT NULL, role TEXT NOT NULL, sees_payloads INTEGER NOT NULL,
        since_ms INTEGER NOT NULL) WITHOUT ROWID;
    -- Of sessions and tokens only a hash is here: who reads this file cannot log in with it.
    CREATE TABLE tokens (
        id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
        scopes TEXT NOT NULL, since_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, expires_ms INTEGER) WITHOUT ROWID;
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, who TEXT NOT NULL, origin TEXT NOT NULL, action TEXT NOT NULL,
        about TEXT NOT NULL, detail TEXT NOT NULL);
", "
    -- The newest bundle that each key has signed and that was deployed here. verdict is good, failed or refused, once known.
    CREATE TABLE bundles (
        key BLOB PRIMARY KEY, sequence INTEGER NOT NULL, hash BLOB NOT NULL, wall_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL, revision INTEGER, verdict TEXT, reason TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
", "
    -- What a person calls it; one that has a name is not thrown away.
    ALTER TABLE revisions ADD COLUMN name TEXT NOT NULL DEFAULT '';
"];

/// The table of a segment.
pub fn segment_table(id: i64) -> String {
    format!("segment_{id}")
}

pub fn create_segment(id: i64) -> String {
    format!("CREATE TABLE {} (first INTEGER PRIMARY KEY, block BLOB NOT NULL)", segment_table(id))
}
