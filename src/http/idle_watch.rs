//! When a connection has been silent for too long. No sockets and no time: the connection says what has happened on it, the
//! worker thread that it belongs to checks all its connections from time to time.
//!
//! That takes nothing from a request but a few flags, where a timer for each would take 2 % of its time.

use crate::control::{At, Served};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};

/// How often a worker checks its connections within the time limit of a silent one, which is kept to within one such part.
pub const IDLE_CHECKS: u32 = 8;

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// Between two requests: nothing of the next one has come.
    Idle,
    /// Some of a request's head has come.
    Head,
    /// A request is being answered; its body may still be coming, for which there is another time limit.
    Answering,
    /// The answer is being written.
    Writing,
    /// An answer without an end is being written, piece by piece as there is something to tell. The connection ends with it.
    Streaming,
}

/// What has happened on a connection. All that use it are on one thread; it has atomics only because tasks must be `Send`.
#[derive(Debug, Default)]
pub(super) struct ConnectionState {
    /// The [`Stage`].
    stage: AtomicU8,
    /// Counts what shows that the client is not silent.
    signs_of_life: AtomicU32,
    /// The last answer was given before all of the request was read.
    input_unread: AtomicBool,
    /// Bytes of a next request were read while a ReceiveMessage is parked.
    has_read_ahead: AtomicBool,
    /// Whom the last request was for.
    pub(super) served: Served,
}

impl ConnectionState {
    fn stage(&self) -> Stage {
        const STAGES: [Stage; 5] = [Stage::Idle, Stage::Head, Stage::Answering, Stage::Writing, Stage::Streaming];
        STAGES[usize::from(self.stage.load(Relaxed))]
    }

    fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
        self.signs_of_life.store(self.signs_of_life.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Some bytes were read from the client.
    pub(super) fn bytes_read(&self) {
        // A head has its time from its first byte on. What comes later is the request's body, or a next request ahead of its time.
        if self.stage() == Stage::Idle {
            self.enter(Stage::Head);
        }
    }

    /// A request's head is complete.
    pub(super) fn request_begun(&self) {
        self.served.begin();
        self.enter(Stage::Answering);
    }

    /// The answer is there to be written.
    pub(super) fn answer_begun(&self) {
        self.enter(Stage::Writing);
    }

    /// An answer without an end begins.
    pub(super) fn stream_begun(&self) {
        self.served.end();
        self.enter(Stage::Streaming);
    }

    /// Some bytes could be written to the client.
    pub(super) fn bytes_written(&self) {
        match self.stage() {
            // The client is not silent, however slowly it reads.
            Stage::Writing => self.enter(Stage::Writing),
            Stage::Streaming => {}
            // No request is being answered, so this is hyper's own refusal of what is not a request.
            Stage::Idle | Stage::Head => self.input_is_unread(),
            // 100 Continue.
            Stage::Answering => {}
        }
    }

    /// All bytes that were there to be written are out, though there may have been none.
    pub(super) fn all_written(&self) {
        if self.stage() == Stage::Writing {
            self.served.end();
            self.enter(Stage::Idle);
        }
    }

    /// Whether a request is being answered.
    pub(super) fn is_answering(&self) -> bool {
        self.stage() == Stage::Answering
    }

    /// Where it is, for those who want to know whether a space is quiet.
    pub(super) fn at(&self, is_parked: bool) -> At {
        match self.stage() {
            Stage::Idle => At::Rest,
            Stage::Head => At::HalfRequest,
            Stage::Answering if is_parked && self.has_read_ahead.load(Relaxed) => At::HalfRequest,
            Stage::Answering if is_parked => At::Parked,
            Stage::Answering | Stage::Writing => At::Serving,
            Stage::Streaming => At::Rest,
        }
    }

    /// There are bytes of a next request, or none any more.
    pub(super) fn read_ahead(&self, some: bool) {
        self.has_read_ahead.store(some, Relaxed);
    }

    /// The client may still be sending what will not be read.
    pub(super) fn input_is_unread(&self) {
        self.input_unread.store(true, Relaxed);
    }

    /// Whether the client may still be sending what will not be read.
    pub(super) fn is_input_unread(&self) -> bool {
        self.input_unread.load(Relaxed)
    }
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimedOut {
    /// A head began and did not end in time: the client is told so.
    InHead,
    /// The connection is idle, or the client does not read: it is left without a word.
    Silent,
}

/// The worker's watch over one connection.
#[derive(Debug, Default)]
pub(super) struct IdleWatch {
    seen: u32,
    silent_checks: u32,
}

impl IdleWatch {
    /// Whether a connection has been silent for [`IDLE_CHECKS`] times the pause between two checks.
    pub(super) fn check(&mut self, state: &ConnectionState) -> Option<TimedOut> {
        let signs = state.signs_of_life.load(Relaxed);
        if std::mem::replace(&mut self.seen, signs) != signs {
            self.silent_checks = 0;
        }
        self.silent_checks = self.silent_checks.saturating_add(1);
        // The first check may come right after the last sign of life.
        if self.silent_checks <= IDLE_CHECKS {
            return None;
        }
        match state.stage() {
            Stage::Idle | Stage::Writing => Some(TimedOut::Silent),
            Stage::Head => Some(TimedOut::InHead),
            Stage::Answering | Stage::Streaming => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the check says that follows on as many as a silent connection may have.
    fn after_silence(watch: &mut IdleWatch, state: &ConnectionState) -> Option<TimedOut> {
        for check in 0..IDLE_CHECKS {
            assert_eq!(watch.check(state), None, "check {check}");
        }
        watch.check(state)
    }

    /// A whole request and its answer.
    fn request(state: &ConnectionState) {
        state.bytes_read();
        state.request_begun();
        state.answer_begun();
        state.bytes_written();
        state.all_written();
    }

    #[test]
    fn a_connection_without_requests_ends() {
        let (mut watch, state) = (IdleWatch::default(), ConnectionState::default());
        assert_eq!(after_silence(&mut watch, &state), Some(TimedOut::Silent));
    }

    #[test]
    fn each_request_gives_an_idle_connection_all_of_its_time_again() {
        let (mut watch, state) = (IdleWatch::default(), ConnectionState::default());
        for _ in 0..3 {
            for _ in 0..IDLE_CHECKS {
                assert_eq!(watch.check(&state), None);
            }
            request(&state);
        }
        assert_eq!(after_silence(&mut watch, &state), Some(TimedOut::Silent));
    }

    #[test]
    fn a_head_has_its_time_from_its_first_byte_on() {
        let (mut watch, state) = (IdleWatch::default(), ConnectionState::default());
        request(&state);
        state.bytes_read();
        for _ in 0..IDLE_CHECKS {
            assert_eq!(watch.check(&state), None);
            state.bytes_read();
        }
        assert_eq!(watch.check(&state), Some(TimedOut::InHead));
    }

    #[test]
    fn a_request_that_is_being_answered_has_no_end() {
        let (mut watch, state) = (IdleWatch::default(), ConnectionState::default());
        state.bytes_read();
        state.request_begun();
        assert_eq!(after_silence(&mut watch, &state), None);
        // The client is told to continue, and sends its body.
        state.bytes_written();
        state.all_written();
        state.bytes_read();
        assert_eq!(after_silence(&mut watch, &state), None);
        assert!(state.is_answering() && !state.is_input_unread());
    }

    #[test]
    fn an_answer_without_an_end_is_not_silence_and_leaves_no_input_unread() {
        let (mut watch, state) = (IdleWatch::default(), ConnectionState::default());
        state.bytes_read();
        state.request_begun();
        state.stream_begun();
        for _ in 0..2 {
            state.bytes_written();
            state.all_written();
            assert_eq!(after_silence(&mut watch, &state), None);
        }
        assert!(!state.is_input_unread());
    }

    #[test]
    fn a_client_that_reads_slowly_is_not_silent_and_one_that_does_not_read_is() {
        let (mut watch, state) = (IdleWatch::default(), ConnectionState::default());
        state.request_begun();
        state.answer_begun();
        for _ in 0..10 * IDLE_CHECKS {
            assert_eq!(watch.check(&state), None);
            state.bytes_written();
        }
        assert_eq!(after_silence(&mut watch, &state), Some(TimedOut::Silent));
    }

    #[test]
    fn only_an_answer_to_no_request_leaves_input_unread() {
        let state = ConnectionState::default();
        request(&state);
        state.bytes_read();
        assert!(!state.is_input_unread());
        state.bytes_written();
        assert!(state.is_input_unread());
        // Garbage that came in one piece with the request before it.
        let state = ConnectionState::default();
        request(&state);
        state.bytes_written();
        assert!(state.is_input_unread());
    }
}
