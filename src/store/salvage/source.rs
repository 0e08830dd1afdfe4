//! The pages of a damaged database: those of its file, and the versions of them in its WAL.

use super::wal::{self, Wal, page_size_is_sane, word};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A version of a page: in the file of the database, or in a frame of the WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    pub page: u32,
    /// 0 is the file of the database.
    pub frame: usize,
}

pub struct Source {
    main: Option<File>,
    wal_file: Option<File>,
    pub wal: Wal,
    pub page_size: usize,
    /// Pages of the file, the one that it may end in the middle of among them.
    pub main_pages: u32,
    /// Frames of this WAL by page, in order.
    versions: Vec<(u32, u32)>,
    /// Pages that the database has given free.
    free: Bits,
}

impl Source {
    pub fn open(database: &Path) -> io::Result<Source> {
        let wal = wal::look(database)?;
        let main = wal::open_if_there(database)?;
        let wal_file = wal::open_if_there(&wal::path_of(database))?;
        let length = main.as_ref().map_or(Ok(0), |file| file.metadata().map(|data| data.len()))?;
        let said = [
            wal::page_size_of(database).unwrap_or_default(),
            if wal.bad_header { 0 } else { wal.page_size },
            4096,
        ];
        let page_size = match &main {
            Some(file) if length > 0 => guess_page_size(file, length, &said),
            _ => said.into_iter().find(|size| *size != 0).unwrap_or(4096),
        };
        let mut source = Source {
            main,
            wal_file,
            page_size,
            main_pages: length.div_ceil(page_size as u64).min(u64::from(u32::MAX)) as u32,
            versions: Vec::new(),
            free: Bits::default(),
            wal,
        };
        if source.wal.page_size == page_size {
            let frames = source.wal.frames.iter().zip(1..);
            source.versions =
                frames.filter(|(frame, _)| frame.ours).map(|(frame, n)| (frame.page, n)).collect();
            source.versions.sort_unstable();
        } else {
            source.wal.frames.clear();
            source.wal.last_commit = 0;
            source.wal.committed = 0;
        }
        source.free = source.free_pages().unwrap_or_default();
        Ok(source)
    }

    /// What a page is, read up to a frame of the WAL.
    pub fn version(&self, page: u32, up_to: usize) -> Image {
        let at = self.versions.partition_point(|&(p, frame)| (p, frame as usize) <= (page, up_to));
        let frame = match at.checked_sub(1).map(|at| self.versions[at]) {
            Some((p, frame)) if p == page => frame as usize,
            _ => 0,
        };
        Image { page, frame }
    }

    /// The frames that have a version of a page.
    pub fn frames_of(&self, page: u32) -> impl Iterator<Item = usize> + '_ {
        let from = self.versions.partition_point(|&(p, _)| p < page);
        self.versions[from..].iter().take_while(move |(p, _)| *p == page).map(|(_, frame)| *frame as usize)
    }

    /// Whether it is what the database, all its commits counted, has of that page, and the page is in use.
    pub fn is_live(&self, image: Image) -> bool {
        image.frame <= self.wal.last_commit
            && self.version(image.page, self.wal.last_commit) == image
            && !self.free.has(image.page)
            && match self.wal.pages_after(self.wal.last_commit) {
                0 => true,
                pages => image.page <= pages,
            }
    }

    /// The frame that ends the transaction that a frame is of.
    pub fn end_of_transaction(&self, frame: usize) -> usize {
        let behind = self.wal.frames.iter().enumerate().skip(frame.saturating_sub(1));
        let end = behind.take_while(|(_, frame)| frame.ours).find(|(_, frame)| frame.pages != 0);
        end.map_or(self.wal.frames.len(), |(at, _)| at + 1)
    }

    /// Reads a page. What the disk does not give, and what is behind the end of the file, is zeros.
    pub fn read(&self, image: Image, page: &mut [u8]) -> bool {
        page.fill(0);
        match image.frame {
            0 => {
                let at = u64::from(image.page.saturating_sub(1)) * self.page_size as u64;
                image.page > 0 && self.main.as_ref().is_some_and(|file| read_some(file, page, at) > 0)
            }
            frame => {
                let at = wal::frame_at(frame, self.page_size) + wal::FRAME as u64;
                self.wal_file.as_ref().is_some_and(|file| read_some(file, page, at) > 0)
            }
        }
    }

    /// All versions of all pages.
    pub fn images(&self) -> impl Iterator<Item = Image> + '_ {
        let main = (1..=self.main_pages).map(|page| Image { page, frame: 0 });
        let wal = self.wal.frames.iter().zip(1..).filter(|(frame, _)| frame.ours);
        main.chain(wal.map(|(frame, n)| Image { page: frame.page, frame: n }))
    }

    /// Walks the list of free pages: what stands in them was dropped. Only a list that is as long as the header says is
    /// believed, for a page that is taken for free by mistake is records lost.
    fn free_pages(&self) -> Option<Bits> {
        let mut page = vec![0; self.page_size];
        let newest = |number| self.version(number, self.wal.last_commit);
        if !self.read(newest(1), &mut page) || !page.starts_with(b"SQLite format 3\0") {
            return None;
        }
        let (mut trunk, count) = (word(&page, 32), word(&page, 36));
        let most = self.main_pages.max(self.versions.last().map_or(0, |(page, _)| *page));
        let (mut free, mut seen) = (Bits::default(), 0);
        while trunk != 0 {
            if trunk > most || !self.read(newest(trunk), &mut page) || !free.set(trunk) {
                return None;
            }
            let leaves = word(&page, 4) as usize;
            if leaves > self.page_size / 4 - 2 {
                return None;
            }
            for leaf in (0..leaves).map(|at| word(&page, 8 + 4 * at)) {
                if leaf > most || !free.set(leaf) {
                    return None;
                }
            }
            seen += 1 + leaves as u32;
            trunk = word(&page, 0);
        }
        (seen == count).then_some(free)
    }
}

/// The page size at which the most pages look like pages: one byte of the header is not to decide over all.
fn guess_page_size(file: &File, length: u64, said: &[usize]) -> usize {
    const SAMPLE: u64 = 1 << 20;
    let mut sample = Vec::new();
    // From the front, from the middle and from the end.
    for at in [0, length / 2, length.saturating_sub(SAMPLE)] {
        let mut part = vec![0; SAMPLE.min(length) as usize];
        let read = read_some(file, &mut part, at & !65535);
        part.truncate(read);
        sample.push(part);
        if length <= SAMPLE {
            break;
        }
    }
    let pages_at = |size: usize| {
        let pages = sample.iter().flat_map(|part| part.chunks_exact(size));
        pages.filter(|page| is_leaf(page)).count()
    };
    let others = (9..=16).map(|bits| 1 << bits);
    let sizes = said.iter().copied().filter(|size| page_size_is_sane(*size)).chain(others);
    // Of equals the first, which is what the header says.
    let mut best = (0, 0);
    for size in sizes {
        let pages = pages_at(size);
        if best.0 == 0 || pages > best.1 {
            best = (size, pages);
        }
    }
    best.0
}

/// Whether it looks like a leaf of a table or an index.
fn is_leaf(page: &[u8]) -> bool {
    let two = |at: usize| usize::from(u16::from_be_bytes([page[at], page[at + 1]]));
    let cells = two(3);
    let content = if two(5) == 0 { 65536 } else { two(5) };
    let pointers = 8 + 2 * cells;
    matches!(page[0], 0x0d | 0x0a)
        && cells > 0
        && pointers <= content
        && content < page.len()
        && (0..cells).all(|cell| (content..page.len()).contains(&two(8 + 2 * cell)))
        // A page of half the size would do as well: its cells are to be at its end.
        && (0..cells).any(|cell| two(8 + 2 * cell) >= page.len() / 2)
}

/// Reads as much as there is, and says how much that was.
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> usize {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    done
}

/// A set of page numbers.
#[derive(Debug, Default)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// Adds a number; false if it was in it.
    pub fn set(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }

    pub fn has(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }
}
