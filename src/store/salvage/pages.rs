//! Finds blocks in raw pages. It needs no schema, no page that leads to others and no page 1: a block says itself what it
//! is, and its checksum says whether it is whole.

use super::source::{Bits, Image, Source};
use super::wal::word;
use crate::store::block::{self, Head, MAGIC, MAX_RECORD};

/// Sequences are kept in SQLite's integers, and nobody counts so far.
pub const MAX_SEQUENCE: u64 = 1 << 62;
/// Smaller is no block: magic, checksum, and what it says about itself.
const HEADER: usize = 23;

/// How far a block is to be trusted to be one of the log, where two say different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// SQLite itself would read it.
    Read,
    /// It was committed behind a damaged frame of the WAL.
    Behind,
    /// In an older version of a page, a free page, between cells, in a transaction without end: it may have been dropped.
    Old,
}

/// Where a block stands, so that it can be read again by `Pages::block`.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    pub head: Head,
    pub image: Image,
    /// Where in the page it begins.
    pub at: usize,
    pub rank: Rank,
    /// No cell of the page leads to it.
    pub astray: bool,
}

pub struct Pages<'s> {
    source: &'s Source,
    /// Pages that are the rest of a block that is too large for one. What looks like a block in them is somebody's message.
    pub rests: Bits,
}

impl<'s> Pages<'s> {
    pub fn new(source: &'s Source) -> Pages<'s> {
        Pages { source, rests: Bits::default() }
    }

    /// Goes through all versions of all pages, one at a time.
    pub fn scan<E>(&mut self, mut found: impl FnMut(Found) -> Result<(), E>) -> Result<(), E> {
        let mut page = vec![0; self.source.page_size];
        for image in self.source.images() {
            // Page 1 has the schema, never a segment.
            if image.page <= 1 || !self.source.read(image, &mut page) {
                continue;
            }
            self.scan_page(image, &page, &mut found)?;
        }
        Ok(())
    }

    fn scan_page<E>(
        &mut self,
        image: Image,
        page: &[u8],
        found: &mut impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        let live = match self.source.is_live(image) {
            true if image.frame <= self.source.wal.committed => Rank::Read,
            true => Rank::Behind,
            false => Rank::Old,
        };
        let mut covered: Vec<(usize, usize)> = Vec::new();
        if page[0] == LEAF {
            for cell in cells(page).filter_map(|at| Cell::at(page, at)) {
                if !page[cell.magic..].starts_with(&MAGIC) {
                    // A row of another table: what looks like a block in it is somebody's message.
                    covered.push((cell.at, cell.end));
                    continue;
                }
                // A row that lies about its length must not hide the next.
                covered.push((cell.at, cell.magic + 1));
                if let Some((head, block, rests)) = self.read_block(image, page, cell.magic) {
                    covered.push((cell.at, cell.magic + local_size(page.len(), block.len() + 3) - 3));
                    if live != Rank::Old {
                        rests.iter().for_each(|rest| _ = self.rests.set(rest.page));
                    }
                    found(Found { head, image, at: cell.magic, rank: live, astray: false })?;
                }
            }
        }
        let mut from = 0;
        while let Some(at) = find_magic(page, from) {
            from = at + 1;
            let is_covered = || covered.iter().any(|&(start, end)| (start..end).contains(&at));
            // In a page of an index, or of a table by key, rows are values of others too.
            if is_covered() || (matches!(page[0], 0x02 | 0x05 | 0x0a) && !has_pointer_to(page, at)) {
                continue;
            }
            if let Some((head, block, _)) = self.read_block(image, page, at) {
                from = at + MAGIC.len().max(block.len().min(page.len() - at));
                found(Found { head, image, at, rank: Rank::Old, astray: true })?;
            }
        }
        Ok(())
    }

    /// Reads a block that the scan found.
    pub fn block(&self, image: Image, at: usize) -> Option<Vec<u8>> {
        let mut page = vec![0; self.source.page_size];
        self.source.read(image, &mut page);
        self.read_block(image, &page, at).map(|(_, block, _)| block)
    }

    /// The block whose magic stands at this place, its rest in other pages included, and the images of those.
    fn read_block(&self, image: Image, page: &[u8], at: usize) -> Option<(Head, Vec<u8>, Vec<Image>)> {
        if !page[at..].starts_with(&MAGIC) {
            return None;
        }
        for (header, length) in lengths(page, at) {
            let payload = header + length;
            let local = local_size(page.len(), payload) - header;
            let Some(local_part) = page.get(at..at + local) else { continue };
            if length == local {
                if let Some(head) = checked(local_part) {
                    return Some((head, local_part.to_vec(), Vec::new()));
                }
            } else if let Some(next) = page.get(at + local..at + local + 4)
                && let Some(whole) = self.follow(image, local_part, word(next, 0), length)
            {
                return Some(whole);
            }
        }
        // Both its lengths are overwritten; the checksum knows where it ends, if that is in this page.
        if page[0] != LEAF || page.len() - at < HEADER {
            return None;
        }
        let want = u32::from_le_bytes([page[at + 4], page[at + 5], page[at + 6], page[at + 7]]);
        let mut sum = crc32c::crc32c(&page[at + 8..at + HEADER]);
        for end in at + HEADER..page.len() {
            sum = crc32c::crc32c_append(sum, &page[end..=end]);
            if sum == want && checked(&page[at..=end]).is_some() && block::open(&page[at..=end]).is_ok() {
                return checked(&page[at..=end]).map(|head| (head, page[at..=end].to_vec(), Vec::new()));
            }
        }
        None
    }

    /// Follows a block through its other pages: as they were when it was written, as they are, and then any way there is.
    fn follow(
        &self,
        image: Image,
        start: &[u8],
        next: u32,
        length: usize,
    ) -> Option<(Head, Vec<u8>, Vec<Image>)> {
        let wal = &self.source.wal;
        let written =
            if image.frame == 0 { wal.last_commit } else { self.source.end_of_transaction(image.frame) };
        let mut ends = vec![written, wal.last_commit, wal.committed, wal.frames.len(), 0];
        let mut tried: Vec<Vec<Image>> = Vec::new();
        let mut at = 0;
        while let Some(&end) = ends.get(at) {
            at += 1;
            let same = |images: &Vec<Image>| images.iter().all(|i| self.source.version(i.page, end) == *i);
            if tried.iter().any(same) {
                continue;
            }
            let (block, images) = self.collect(start, next, length, end);
            if block.len() == length
                && let Some(head) = checked(&block)
            {
                return Some((head, block, images));
            }
            for frame in images.iter().flat_map(|image| self.source.frames_of(image.page)) {
                let end = self.source.end_of_transaction(frame);
                if ends.len() < WAYS && !ends.contains(&end) {
                    ends.push(end);
                }
            }
            tried.push(images);
        }
        None
    }

    fn collect(&self, start: &[u8], mut next: u32, length: usize, end: usize) -> (Vec<u8>, Vec<Image>) {
        let mut block = start.to_vec();
        let mut images = Vec::new();
        let mut page = vec![0; self.source.page_size];
        // It ends: each page adds to the block, and at `length` it is full.
        while block.len() < length && next != 0 {
            let image = self.source.version(next, end);
            images.push(image);
            if !self.source.read(image, &mut page) {
                break;
            }
            let part = (length - block.len()).min(page.len() - 4);
            block.extend_from_slice(&page[4..4 + part]);
            next = word(&page, 0);
        }
        (block, images)
    }
}

/// So many states of the database are tried for a block that is in many pages.
const WAYS: usize = 64;

/// A leaf of a table.
const LEAF: u8 = 0x0d;

/// Where the cells of a leaf begin, as far as that can be true.
fn cells(page: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let count = usize::from(u16::from_be_bytes([page[3], page[4]])).min((page.len() - 8) / 2);
    let pointers = page[8..8 + 2 * count].chunks_exact(2);
    pointers.map(|two| usize::from(u16::from_be_bytes([two[0], two[1]]))).filter(|at| *at >= 8)
}

/// Whether the pointers of the page lead to the row that has a block at this place.
fn has_pointer_to(page: &[u8], block: usize) -> bool {
    cells(page).any(|at| by_row(page, block).any(|(start, ..)| start == at))
}

/// A cell that has the form of a row of a segment.
struct Cell {
    at: usize,
    magic: usize,
    end: usize,
}

impl Cell {
    /// The form alone: lengths are looked at when the block is read.
    fn at(page: &[u8], at: usize) -> Option<Cell> {
        let (length, payload) = varint(page, at)?;
        let (_, after) = varint(page, payload)?;
        // Where one byte of that is overwritten, the magic is not far.
        let usual = after + usize::from(*page.get(after)?);
        let near =
            || (at + 2..at + 26).find(|near| page.get(*near..).is_some_and(|rest| rest.starts_with(&MAGIC)));
        let magic = if page.get(usual..)?.starts_with(&MAGIC) { usual } else { near().unwrap_or(usual) };
        (magic + HEADER <= page.len()).then(|| {
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(1 << 40);
            Cell { at, magic, end: after + local_size(page.len(), length) }
        })
    }
}

/// What may be the lengths of the header of a row and of the block in it, by what stands in front of the block: the header
/// says the length of the block, and the row says that of both. In a page that is no leaf, or no longer, both must agree.
fn lengths(page: &[u8], at: usize) -> impl Iterator<Item = (usize, usize)> {
    let most = (MAX_RECORD + (1 << 20)) as u64;
    let by_header = by_header(page, at);
    let by_row = by_row(page, at).map(|(_, header, length)| (header, length));
    let is_leaf = page[0] == LEAF;
    let twice = by_header.filter(|by_header| is_leaf || by_row.clone().any(|other| other == *by_header));
    let alone = by_row.filter(move |_| is_leaf);
    let all =
        twice.into_iter().chain(alone).filter(move |(_, length)| (HEADER as u64..=most).contains(length));
    all.map(|(header, length)| (header, length as usize))
}

fn by_header(page: &[u8], at: usize) -> Option<(usize, u64)> {
    (3..=7).find_map(|header| {
        let start = at.checked_sub(header)?;
        let (kind, end) = varint(page, start + 2)?;
        let right = usize::from(page[start]) == header && page[start + 1] == 0 && end == at;
        (right && kind >= 12 && kind % 2 == 0).then(|| (header, (kind - 12) / 2))
    })
}

/// Where the row may begin, and the two lengths. The end of a long number looks like a shorter one, so there are several.
fn by_row(page: &[u8], at: usize) -> impl Iterator<Item = (usize, usize, u64)> + Clone {
    let forms = (3..=7).flat_map(|header| (2..=18).map(move |numbers| (header, numbers)));
    forms.filter_map(move |(header, numbers)| {
        let start = at.checked_sub(header + numbers)?;
        let (length, end) = varint(page, start)?;
        let (row, end) = varint(page, end)?;
        // The row has the number of the first record.
        let right = end + header == at && *page.get(at + 12..at + 20)? == row.to_le_bytes();
        Some((start, header, length.checked_sub(header as u64).filter(|_| right)?))
    })
}

/// How much of a row stands in its leaf.
fn local_size(page: usize, payload: usize) -> usize {
    let least = (page - 12) * 32 / 255 - 23;
    let most = page - 35;
    let local = least + payload.saturating_sub(least) % (page - 4);
    match payload {
        _ if payload <= most => payload,
        _ if local <= most => local,
        _ => least,
    }
}

fn checked(block: &[u8]) -> Option<Head> {
    block::check(block).ok().filter(|head| head.first < MAX_SEQUENCE)
}

/// A number of SQLite's in 1 to 9 bytes, and where it ends.
fn varint(page: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number = 0u64;
    for n in 0..9 {
        let byte = *page.get(at + n)?;
        if n == 8 {
            return Some((number << 8 | u64::from(byte), at + 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, at + n + 1));
        }
    }
    None
}

/// The next magic from a place on. It looks at every fourth byte, for most of a database is something else.
fn find_magic(page: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 3;
    while at < page.len() {
        at += match page[at] {
            b'1' if page[at - 3..=at] == MAGIC => return Some(at - 3),
            b'B' => 1,
            b'G' => 2,
            b'T' => 3,
            _ => 4,
        };
    }
    None
}
