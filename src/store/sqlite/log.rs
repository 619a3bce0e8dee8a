//! SQLite's write-ahead log, read frame by frame without SQLite.
//!
//! SQLite takes a log to its first bad frame for all there is: so it must, for that is what a crash in the middle of a
//! commit leaves behind. It cannot tell that from damage further up; what comes after the bad frame can. The format is
//! that of <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>: a header of 32 bytes, then frames, each a
//! header of 24 bytes (page number, pages of the database after a commit or 0, salts, checksums) and a page. Frames
//! with other salts than the header's are left over from before the log was begun anew.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek as _, SeekFrom};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The first word; its lowest bit says that checksums are over big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// A log.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Its length in bytes.
    pub bytes: u64,
    /// The header is damaged, and something follows it.
    pub bad_header: bool,
    page_size: usize,
    /// All whole frames of this log; none left over from before it was begun anew.
    pub frames: Vec<Frame>,
    /// How many of the first ones are as they were written, one after the other.
    pub good: usize,
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its place in the file, from 0.
    index: u64,
    /// The page, from 1.
    pub page: u32,
    /// With the last frame of a commit, how many pages the database has then; otherwise 0.
    pub pages: u32,
    /// As it was written, by the checksum of the frame before.
    pub is_whole: bool,
}

/// Two running sums over 32-bit words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums(u32, u32);

impl Sums {
    fn add(mut self, bytes: &[u8], big_endian: bool) -> Sums {
        for pair in bytes.chunks_exact(8) {
            let word = |at| if big_endian { big(pair, at) } else { big(pair, at).swap_bytes() };
            self.0 = self.0.wrapping_add(word(0)).wrapping_add(self.1);
            self.1 = self.1.wrapping_add(word(4)).wrapping_add(self.0);
        }
        self
    }
}

fn big(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

/// Fills the buffer as far as the file goes.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl Log {
    /// Reads a log; one that is not there is empty.
    pub(super) fn read(path: &Path) -> io::Result<Log> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Log::default()),
            Err(error) => return Err(error),
        };
        let mut log = Log { bytes: file.metadata()?.len(), ..Log::default() };
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut header = [0; HEADER];
        if !fill(&mut file, &mut header)? {
            return Ok(log);
        }
        let big_endian = big(&header, 0) & 1 == 1;
        let page_size = big(&header, 8);
        let sums = Sums::default().add(&header[..24], big_endian);
        let is_good = big(&header, 0) & !1 == MAGIC
            && page_size.is_power_of_two()
            && (512..=65_536).contains(&page_size)
            && sums == Sums(big(&header, 24), big(&header, 28));
        if !is_good {
            // The header is synced before the first frame is written: with a torn one, nothing follows.
            log.bad_header = file.bytes().any(|byte| byte.is_ok_and(|byte| byte != 0));
            return Ok(log);
        }
        log.page_size = page_size as usize;
        log.read_frames(&mut file, &header[16..24], sums, big_endian)?;
        Ok(log)
    }

    fn read_frames(&mut self, file: &mut impl Read, salts: &[u8], sums: Sums, big_endian: bool) -> io::Result<()> {
        let mut bytes = vec![0; FRAME_HEADER + self.page_size];
        let mut unbroken = true;
        // Of the header, then of the frame before, and whether that is of this log.
        let (mut before, mut before_is_ours) = (sums, true);
        let mut index = 0;
        while fill(file, &mut bytes)? {
            let (head, page) = bytes.split_at(FRAME_HEADER);
            let stored = Sums(big(head, 16), big(head, 20));
            let sums_hold = before.add(&head[..8], big_endian).add(page, big_endian) == stored;
            let salts_hold = &head[8..16] == salts;
            let is_whole = sums_hold && salts_hold && big(head, 0) > 0;
            unbroken &= is_whole;
            // With sums that go on from one of this log, it is one too, and its salts are damaged.
            let is_ours = salts_hold || sums_hold && before_is_ours;
            if is_ours {
                self.frames.push(Frame { index, page: big(head, 0), pages: big(head, 4), is_whole });
            }
            self.good += usize::from(unbroken);
            (before, before_is_ours) = (stored, is_ours);
            index += 1;
        }
        Ok(())
    }

    /// Where the log is damaged rather than cut off in its last commit, supposing that each commit was synced before
    /// the next one was written.
    pub(super) fn damage(&self) -> Option<String> {
        if self.bad_header {
            return Some("its header is not what was written, and something follows it".into());
        }
        let after = &self.frames[self.good..];
        let torn = after.iter().position(|frame| frame.pages > 0)?;
        let later = after.len() - torn - 1;
        (later > 0).then(|| {
            format!("frame {} is not what was written, and {later} frames of later commits follow", self.good + 1)
        })
    }

    /// The frames from which the newest database can be put together: all that are whole, up to the last commit.
    pub(super) fn usable(&self) -> &[Frame] {
        let end = self.frames.iter().rposition(|frame| frame.is_whole && frame.pages > 0);
        &self.frames[..end.map_or(0, |end| end + 1)]
    }

    /// How many commits SQLite would find.
    pub(super) fn commits(&self) -> usize {
        self.frames[..self.good].iter().filter(|frame| frame.pages > 0).count()
    }

    /// The page of a frame.
    pub(super) fn page(&self, log: &mut File, frame: &Frame) -> io::Result<Vec<u8>> {
        let mut page = vec![0; self.page_size];
        log.seek(SeekFrom::Start(self.offset(frame) + FRAME_HEADER as u64))?;
        log.read_exact(&mut page)?;
        Ok(page)
    }

    /// Where a frame begins in the file.
    pub(super) fn offset(&self, frame: &Frame) -> u64 {
        HEADER as u64 + frame.index * (FRAME_HEADER + self.page_size) as u64
    }
}
