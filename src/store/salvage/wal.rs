//! The write-ahead log, walked as SQLite's file format describes it. SQLite stops at the first frame whose checksum is
//! wrong and forgets all behind it without a word; whether a commit may be among that is what is told here.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

pub const HEADER: usize = 32;
pub const FRAME: usize = 24;
/// Its last bit says in which order the words of a page are summed up.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// One frame: which page it is a version of, and what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub page: u32,
    /// The number of pages of the database, in the frame that ends a transaction; else 0.
    pub pages: u32,
    /// It has the salts of this WAL. Others are left over from before its last reset, and stand in the database.
    pub ours: bool,
}

/// What stands in a WAL. Frames are counted from 1; 0 is none.
#[derive(Debug, Default)]
pub struct Wal {
    /// 0 if there is no WAL, or nothing in it.
    pub page_size: usize,
    /// All frames of the file, 12 bytes each: a WAL is a few MB, seldom more.
    pub frames: Vec<Frame>,
    /// So many frames from the start on have right checksums.
    pub good: usize,
    /// The last good frame that ends a transaction: as far as SQLite would read.
    pub committed: usize,
    /// The last frame of this WAL that ends a transaction, also behind a bad one.
    pub last_commit: usize,
    /// Commits in the first bad frame or behind it.
    pub commits_behind: usize,
    /// SQLite would take no frame at all.
    pub bad_header: bool,
    /// The frame in which what ends a transaction was overwritten.
    pub unmarked: Option<usize>,
    /// The first bad frame is a whole one in which a single word was overwritten: no power cut does that.
    pub rotten: bool,
    pub salts: [u32; 2],
}

/// The path of the WAL of a database.
pub fn path_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// Opens a file, if there is one.
pub fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Walks the WAL of a database. It changes nothing.
pub fn look(database: &Path) -> io::Result<Wal> {
    let Some(file) = open_if_there(&path_of(database))? else { return Ok(Wal::default()) };
    let length = file.metadata()?.len();
    // Less than a header is a WAL that was about to be made.
    if length < HEADER as u64 {
        return Ok(Wal::default());
    }
    let mut header = [0; HEADER];
    read_or_zero(&file, &mut header, 0);
    let order = Order::of(word(&header, 0));
    let sum = order.sum([0, 0], &header[..24]);
    let in_header = word(&header, 8) as usize;
    let bad_header = word(&header, 0) & !1 != MAGIC
        || word(&header, 4) != VERSION
        || !page_size_is_sane(in_header)
        || sum != [word(&header, 24), word(&header, 28)];
    let page_size = match bad_header {
        false => in_header,
        true => page_size_of(database).unwrap_or(if page_size_is_sane(in_header) { in_header } else { 4096 }),
    };
    let mut wal =
        Wal { page_size, bad_header, salts: [word(&header, 16), word(&header, 20)], ..Wal::default() };
    if bad_header {
        wal.salts = salts_of_frames(&file, length, page_size).unwrap_or(wal.salts);
    }
    let mut sum = sum;
    let mut frame = vec![0; FRAME + page_size];
    for number in 1..=frames_in(length, page_size) {
        read_or_zero(&file, &mut frame, frame_at(number, page_size));
        let (head, page) = frame.split_at(FRAME);
        // Of the two salts the first counts up and the second is random. A frame from before has neither, so one of
        // them is enough: it is our frame with a byte overwritten.
        let salts = [word(head, 8), word(head, 12)];
        let ours = salts[0] == wal.salts[0] || salts[1] == wal.salts[1];
        let this = Frame { page: word(head, 0), pages: word(head, 4), ours };
        wal.frames.push(this);
        if !bad_header && wal.good + 1 == number {
            let before = sum;
            sum = order.sum(order.sum(sum, &head[..8]), page);
            if salts == wal.salts && this.page != 0 && sum == [word(head, 16), word(head, 20)] {
                wal.good = number;
                if this.pages != 0 {
                    wal.committed = number;
                    wal.last_commit = number;
                }
                continue;
            }
            wal.rotten = ours && order.is_one_word_off(before, &frame, salts == wal.salts);
            if ours && this.pages == 0 && order.lost_its_end(before, &frame) {
                wal.unmarked = Some(number);
            }
        }
        if ours && (this.pages != 0 || wal.unmarked == Some(number)) {
            wal.commits_behind += 1;
            wal.last_commit = number;
        }
    }
    Ok(wal)
}

impl Wal {
    /// Why commits that were acknowledged stand behind what SQLite reads, in words for a person. After a power cut the
    /// last transaction may have been written in part and in any order, the frame that ends it included: it was not
    /// acknowledged, since that is done after the sync. But the header was synced before any frame was written, and a
    /// second commit only begins when the first is synced. Of a commit of one page nothing is left to be saved.
    /// Where commits were not synced one by one, any number of them may be torn so.
    pub fn damage(&self, synced: bool) -> Option<String> {
        let rotten = self.rotten && self.last_commit > self.committed + 1;
        let torn = !self.bad_header && !rotten && self.unmarked.is_none();
        let commits = match self.commits_behind {
            0 => return None,
            many if torn && (many == 1 || !synced) => return None,
            1 => "1 commit".to_owned(),
            many => format!("{many} commits"),
        };
        Some(match self.bad_header {
            true => {
                format!("the header of the write-ahead log is damaged, and {commits} in it would be lost")
            }
            false => {
                format!(
                    "frame {} of the write-ahead log is damaged, and {commits} from there on would be lost",
                    self.good + 1
                )
            }
        })
    }

    /// The number of pages of the database after a frame that ends a transaction.
    pub fn pages_after(&self, commit: usize) -> u32 {
        match commit.checked_sub(1).and_then(|at| self.frames.get(at)) {
            // The number was overwritten: the one before it, or as many as there are.
            Some(frame) if frame.pages == 0 => {
                self.frames[..commit].iter().map(|f| f.page.max(f.pages)).max().unwrap_or(0)
            }
            Some(frame) => frame.pages,
            None => 0,
        }
    }
}

/// The salts that most of the first frames have, for a WAL whose header is damaged.
fn salts_of_frames(file: &File, length: u64, page_size: usize) -> Option<[u32; 2]> {
    let mut head = [0; FRAME];
    let mut salts_of = |number| {
        read_or_zero(file, &mut head, frame_at(number, page_size));
        [word(&head, 8), word(&head, 12)]
    };
    let seen: Vec<_> = (1..=frames_in(length, page_size).min(9)).map(&mut salts_of).collect();
    // Among equals the first: the front of the file is what was written last.
    seen.iter().rev().max_by_key(|salts| seen.iter().filter(|other| other == salts).count()).copied()
}

fn frames_in(length: u64, page_size: usize) -> usize {
    (length.saturating_sub(HEADER as u64) / (FRAME + page_size) as u64) as usize
}

/// Where a frame begins in the file.
pub fn frame_at(number: usize, page_size: usize) -> u64 {
    (HEADER + (number - 1) * (FRAME + page_size)) as u64
}

pub fn page_size_is_sane(size: usize) -> bool {
    size.is_power_of_two() && (512..=65536).contains(&size)
}

/// The page size that the header of a database says, if it is one.
pub fn page_size_of(database: &Path) -> Option<usize> {
    let mut header = [0; 18];
    File::open(database).ok()?.read_exact(&mut header).ok()?;
    let size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65536,
        size => usize::from(size),
    };
    (&header[..16] == b"SQLite format 3\0" && page_size_is_sane(size)).then_some(size)
}

/// The order of the bytes in the words that are summed up.
#[derive(Debug, Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn of(magic: u32) -> Order {
        if magic & 1 == 0 { Order::Little } else { Order::Big }
    }

    fn sum(self, [mut a, mut b]: [u32; 2], bytes: &[u8]) -> [u32; 2] {
        for pair in bytes.chunks_exact(8) {
            let (x, y) = pair.split_at(4);
            let (x, y) = ([x[0], x[1], x[2], x[3]], [y[0], y[1], y[2], y[3]]);
            let (x, y) = match self {
                Order::Little => (u32::from_le_bytes(x), u32::from_le_bytes(y)),
                Order::Big => (u32::from_be_bytes(x), u32::from_be_bytes(y)),
            };
            a = a.wrapping_add(x).wrapping_add(b);
            b = b.wrapping_add(y).wrapping_add(a);
        }
        [a, b]
    }

    /// Whether the frame would be right with one word of it changed back. Sums are linear in each word, so for each place
    /// there is at most one change that fits, and a page that was not written at all fits none.
    fn is_one_word_off(self, before: [u32; 2], frame: &[u8], right_salts: bool) -> bool {
        let (head, page) = frame.split_at(FRAME);
        let sum = self.sum(self.sum(before, &head[..8]), page);
        let off = [word(head, 16).wrapping_sub(sum[0]), word(head, 20).wrapping_sub(sum[1])];
        if off == [0, 0] {
            // All is right but a salt.
            return true;
        }
        if !right_salts {
            return false;
        }
        // One word of the sum itself.
        if off.contains(&0) {
            return true;
        }
        // What a change of one in the last pair of words does to both sums, and then in each pair before it.
        let (mut even, mut odd) = ([1u32, 1], [0u32, 1]);
        let follow = |[a, b]: [u32; 2]| [a.wrapping_add(b), a.wrapping_add(b).wrapping_add(b)];
        for _ in 0..(8 + page.len()) / 8 {
            if fits(even, off) || fits(odd, off) {
                return true;
            }
            (even, odd) = (follow(even), follow(odd));
        }
        false
    }

    /// Whether a bad frame would be right if it ended a transaction. The number of pages has one byte that is not zero
    /// in a small database, and with that byte the commit is gone.
    fn lost_its_end(self, before: [u32; 2], frame: &[u8]) -> bool {
        let right = [word(frame, 16), word(frame, 20)];
        let mut head = [0; 8];
        (4..8).any(|at| {
            (1..=255).any(|byte| {
                head.copy_from_slice(&frame[..8]);
                head[at] = byte;
                self.sum(self.sum(before, &head), &frame[FRAME..]) == right
            })
        })
    }
}

/// Writes a WAL anew, with checksums that are right.
pub struct Writer<W> {
    to: W,
    sum: [u32; 2],
}

impl<W: io::Write> Writer<W> {
    pub fn new(mut to: W, page_size: usize) -> io::Result<Writer<W>> {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&MAGIC.to_be_bytes());
        header[4..8].copy_from_slice(&VERSION.to_be_bytes());
        header[8..12].copy_from_slice(&(page_size as u32).to_be_bytes());
        let sum = Order::Little.sum([0, 0], &header[..24]);
        header[24..28].copy_from_slice(&sum[0].to_be_bytes());
        header[28..].copy_from_slice(&sum[1].to_be_bytes());
        to.write_all(&header)?;
        Ok(Writer { to, sum })
    }

    /// `pages` is not 0 in the frame that ends a transaction.
    pub fn frame(&mut self, number: u32, pages: u32, page: &[u8]) -> io::Result<()> {
        let mut head = [0; FRAME];
        head[..4].copy_from_slice(&number.to_be_bytes());
        head[4..8].copy_from_slice(&pages.to_be_bytes());
        self.sum = Order::Little.sum(Order::Little.sum(self.sum, &head[..8]), page);
        head[16..20].copy_from_slice(&self.sum[0].to_be_bytes());
        head[20..].copy_from_slice(&self.sum[1].to_be_bytes());
        self.to.write_all(&head)?;
        self.to.write_all(page)
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A number of the file format: they are big-endian, all of them.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// What the disk cannot read any more is zeros: it is as damaged as what was overwritten, and all else is still wanted.
fn read_or_zero(file: &File, buffer: &mut [u8], at: u64) {
    if file.read_exact_at(buffer, at).is_err() {
        buffer.fill(0);
    }
}

/// Whether some number of changes, each of which does `each` to the sums, makes up for `off`.
fn fits(each: [u32; 2], off: [u32; 2]) -> bool {
    // They have no common factor, so one of them is odd.
    let at = usize::from(each[0].is_multiple_of(2));
    if each[at].is_multiple_of(2) {
        return false;
    }
    // The inverse of an odd number modulo two to the 32nd, twice as many right bits each time.
    let inverse = (0..5)
        .fold(each[at], |inverse, _| inverse.wrapping_mul(2u32.wrapping_sub(each[at].wrapping_mul(inverse))));
    let changes = off[at].wrapping_mul(inverse);
    changes.wrapping_mul(each[1 - at]) == off[1 - at]
}
