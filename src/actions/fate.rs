//! What becomes of the answer of one request on purpose: carried out at the connection, by whoever holds that.

use std::sync::atomic::{AtomicU8, Ordering};

/// How a connection ends in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ending {
    /// It is reset.
    Reset = 1,
    /// It is closed as if all had been said.
    Close,
    /// Half of the answer's body is written, then it is closed.
    Truncate,
    /// Nothing is said until the client goes.
    Never,
}

/// A request whose connection may be ended in place of an answer; made only while faults are wanted.
#[derive(Debug, Default)]
pub struct Fate<'a> {
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// The fault that the request itself asks for.
    pub asked: Option<&'a str>,
    /// The [`Ending`], or 0.
    ending: AtomicU8,
}

impl<'a> Fate<'a> {
    /// The fate of a request that is answered, so far.
    pub fn new(user_agent: Option<&'a str>, asked: Option<&'a str>) -> Fate<'a> {
        Fate { user_agent, asked, ending: AtomicU8::new(0) }
    }

    /// The connection ends in place of the answer.
    pub fn end(&self, ending: Ending) {
        self.ending.store(ending as u8, Ordering::Relaxed);
    }

    /// How the connection ends, if not with the answer.
    pub fn ending(&self) -> Option<Ending> {
        let all = [Ending::Reset, Ending::Close, Ending::Truncate, Ending::Never];
        all.into_iter().find(|ending| *ending as u8 == self.ending.load(Ordering::Relaxed))
    }
}
