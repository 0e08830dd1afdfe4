//! Records, and the blocks in which they stand in a log: about a page of them each, compressed, with one checksum. A
//! block says itself which log it is of and where it stands in it, so that salvage needs no schema.
//!
//! ```text
//! "TGB1"  crc32c of the rest  log u32  first sequence u64  span u32  count u16  flags u8  body
//!         body: records, each behind its length and its distance from the first, together compressed where that
//!         helps (flag 1)
//! ```

use thiserror::Error;
use tidegate_nodes::packed::{PackError, pack, pack_object, unpack, unpack_object};
use tidegate_nodes::value::{Object, Str, Value};

pub const MAGIC: [u8; 4] = *b"TGB1";
const HEADER: usize = 4 + 4 + 4 + 8 + 4 + 2 + 1;
const COMPRESSED: u8 = 1;

/// Records are put into a block up to this size before compression. Compressed it takes a third of it or so, and a few
/// blocks share a page of the database; what one damaged page takes with it is then a page, and no more.
const FULL: usize = 8 * 1024;
/// What a body may unpack to: one record alone may be this large, and nothing that lies may be larger.
pub const MAX_RECORD: usize = 64 * 1024 * 1024;

/// One entry of a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    pub value: Object,
    /// Milliseconds since 1970 when it came in, by a clock that may jump: for people, not for decisions.
    pub wall_ms: i64,
    /// How long the gateway had run when it was stored, all its runs added up: what age is measured by.
    pub ran_ms: u64,
    pub event_ms: Option<i64>,
    /// The node it came from.
    pub source: Str,
    /// By which it is ordered, compacted and filtered: a topic, a routing key.
    pub key: Option<Str>,
    /// What is known beside the message: the reason of a dead letter, the name it was sent under before.
    pub about: Object,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BlockError {
    #[error("it is no block")]
    NoBlock,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("its records cannot be unpacked: {0}")]
    Body(&'static str),
    #[error("a record in it is no record: {0}")]
    Record(#[from] PackError),
}

/// What stands in front of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub log: u32,
    pub first: u64,
    /// How far its last record is from its first: one less than `count`, unless records between were compacted away.
    pub span: u32,
    pub count: u16,
}

impl Head {
    /// The sequence of its last record.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.span)
    }
}

impl Record {
    fn write(&self, offset: u32, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&offset.to_le_bytes());
        for number in [Value::Int(self.wall_ms), Value::Int(self.ran_ms as i64)] {
            pack(&number, out);
        }
        pack(&self.event_ms.map_or(Value::Null, Value::Int), out);
        pack(&Value::Str(self.source.clone()), out);
        pack(&self.key.clone().map_or(Value::Null, Value::Str), out);
        pack_object(&self.about, out);
        pack_object(&self.value, out);
        let length = (out.len() - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn read(mut from: &[u8]) -> Result<Record, PackError> {
        let from = &mut from;
        Ok(Record {
            wall_ms: unpack(from)?.as_i64().unwrap_or_default(),
            ran_ms: unpack(from)?.as_i64().unwrap_or_default() as u64,
            event_ms: unpack(from)?.as_i64(),
            source: text(unpack(from)?).unwrap_or_default(),
            key: text(unpack(from)?),
            about: unpack_object(from)?,
            value: unpack_object(from)?,
        })
    }

    /// About how many bytes it takes, before compression.
    pub fn weight(&self) -> usize {
        48 + self.source.len()
            + self.key.as_ref().map_or(0, |key| key.len())
            + tidegate_nodes::cx::weight(&self.value) as usize
            + tidegate_nodes::cx::weight(&self.about) as usize
    }
}

fn text(value: Value) -> Option<Str> {
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// Puts records into blocks. What comes out are the finished blocks with the sequence of their first record.
pub struct Blocks {
    log: u32,
    next: u64,
    first: u64,
    span: u32,
    count: u16,
    body: Vec<u8>,
    pub finished: Vec<(Head, Vec<u8>)>,
}

impl Blocks {
    pub fn new(log: u32, next: u64) -> Blocks {
        Blocks { log, next, first: next, span: 0, count: 0, body: Vec::new(), finished: Vec::new() }
    }

    /// Appends a record, and gives its sequence.
    pub fn push(&mut self, record: &Record) -> u64 {
        let sequence = self.next;
        self.push_at(sequence, record);
        sequence
    }

    /// Appends a record that has its sequence already; sequences only go up.
    pub fn push_at(&mut self, sequence: u64, record: &Record) {
        // A gap too wide for the distance begins a new block.
        if self.count > 0 && sequence - self.first > u64::from(u32::MAX) {
            self.finish();
        }
        if self.count == 0 {
            self.first = sequence;
        }
        self.span = (sequence - self.first) as u32;
        record.write(self.span, &mut self.body);
        self.next = sequence + 1;
        self.count += 1;
        if self.body.len() >= FULL || self.count == u16::MAX {
            self.finish();
        }
    }

    /// The sequence that the next record gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Ends the block at hand.
    pub fn finish(&mut self) {
        if self.count == 0 {
            return;
        }
        let head = Head { log: self.log, first: self.first, span: self.span, count: self.count };
        self.finished.push((head, seal(&head, &self.body)));
        self.body.clear();
        self.count = 0;
    }
}

fn seal(head: &Head, body: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::compress_prepend_size(body);
    let smaller = packed.len() < body.len();
    let (flags, body) = if smaller { (COMPRESSED, &packed[..]) } else { (0, body) };
    let mut block = Vec::with_capacity(HEADER + body.len());
    block.extend_from_slice(&MAGIC);
    block.extend_from_slice(&[0; 4]);
    block.extend_from_slice(&head.log.to_le_bytes());
    block.extend_from_slice(&head.first.to_le_bytes());
    block.extend_from_slice(&head.span.to_le_bytes());
    block.extend_from_slice(&head.count.to_le_bytes());
    block.push(flags);
    block.extend_from_slice(body);
    let crc = crc32c::crc32c(&block[8..]).to_le_bytes();
    block[4..8].copy_from_slice(&crc);
    block
}

/// Reads the head of a block, checksum and all.
pub fn check(block: &[u8]) -> Result<Head, BlockError> {
    if block.len() < HEADER || block[..4] != MAGIC {
        return Err(BlockError::NoBlock);
    }
    if crc32c::crc32c(&block[8..]).to_le_bytes() != block[4..8] {
        return Err(BlockError::Checksum);
    }
    let head = Head {
        log: u32::from_le_bytes(fixed(&block[8..12])),
        first: u64::from_le_bytes(fixed(&block[12..20])),
        span: u32::from_le_bytes(fixed(&block[20..24])),
        count: u16::from_le_bytes(fixed(&block[24..26])),
    };
    // No writer makes such a block.
    let fits = head.count > 0 && head.first > 0 && head.first.checked_add(u64::from(head.span)).is_some();
    if fits { Ok(head) } else { Err(BlockError::NoBlock) }
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the slice is taken with that length")
}

/// Reads a block: its head, and its records with their sequences.
pub fn open(block: &[u8]) -> Result<(Head, Vec<(u64, Record)>), BlockError> {
    let head = check(block)?;
    let body = &block[HEADER..];
    let unpacked;
    let mut body = if block[HEADER - 1] & COMPRESSED == 0 {
        body
    } else {
        let (size, body) =
            lz4_flex::block::uncompressed_size(body).map_err(|_| BlockError::Body("it is cut off"))?;
        if size > MAX_RECORD + FULL {
            return Err(BlockError::Body("it says that it is larger than a block can be"));
        }
        unpacked = lz4_flex::decompress(body, size).map_err(|_| BlockError::Body("it is damaged"))?;
        &unpacked[..]
    };
    let mut records = Vec::with_capacity(usize::from(head.count));
    for _ in 0..head.count {
        let mut number = || -> Result<u32, PackError> {
            Ok(u32::from_le_bytes(fixed(body.split_off(..4).ok_or(PackError::CutOff)?)))
        };
        let (length, offset) = (number()? as usize, number()?);
        // The length counts the distance too.
        let length = length.checked_sub(4).ok_or(PackError::CutOff)?;
        let record = body.split_off(..length).ok_or(PackError::CutOff)?;
        records.push((head.first + u64::from(offset.min(head.span)), Record::read(record)?));
    }
    Ok((head, records))
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
