//! Who sends the requests of a connection, as the history of a space knows it: a number, asked for once.

use crate::control::History;
use hyper::header::HeaderValue;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// The client at the other end of a connection. Nearly all requests of a connection are of one program and one account, the first.
#[derive(Debug, Default)]
pub struct Identity {
    first: OnceLock<Known>,
    last: Mutex<Option<Known>>,
}

/// The number that a history gave a client.
#[derive(Debug)]
struct Known {
    history: Weak<History>,
    user_agent: Option<Box<[u8]>>,
    account: Box<str>,
    number: u32,
}

impl Known {
    #[inline]
    fn is(&self, history: &Arc<History>, user_agent: Option<&[u8]>, account: &str) -> bool {
        std::ptr::eq(self.history.as_ptr(), Arc::as_ptr(history))
            && self.user_agent.as_deref() == user_agent
            && *self.account == *account
    }
}

impl Identity {
    /// The number of the client.
    #[inline]
    pub(super) fn number(
        &self,
        history: &Arc<History>,
        user_agent: Option<&HeaderValue>,
        account: &str,
        peer: Option<SocketAddr>,
    ) -> u32 {
        let user_agent = user_agent.map(HeaderValue::as_bytes);
        match self.first.get() {
            Some(first) if first.is(history, user_agent, account) => first.number,
            _ => self.other_number(history, user_agent, account, peer),
        }
    }

    #[cold]
    fn other_number(
        &self,
        history: &Arc<History>,
        user_agent: Option<&[u8]>,
        account: &str,
        peer: Option<SocketAddr>,
    ) -> u32 {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.is(history, user_agent, account)) {
            return last.number;
        }
        let text = user_agent.map(String::from_utf8_lossy);
        let number = history.client(text.as_deref(), peer, account, false);
        let (user_agent, account) = (user_agent.map(Box::from), account.into());
        let known = Known { history: Arc::downgrade(history), user_agent, account, number };
        // The first stays what it is.
        if let Err(known) = self.first.set(known) {
            *last = Some(known);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn a_client_is_asked_for_once_unless_it_becomes_another() {
        let history = Arc::new(History::new(10, Clock::manual()));
        let (boto, go) = (HeaderValue::from_static("Boto3"), HeaderValue::from_static("Go"));
        let identity = Identity::default();
        let first = identity.number(&history, Some(&boto), "1", None);
        assert_eq!(identity.number(&history, Some(&boto), "1", None), first);
        let others = [
            identity.number(&history, Some(&go), "1", None),
            identity.number(&history, None, "1", None),
            identity.number(&history, Some(&boto), "2", None),
        ];
        assert_eq!(others, [first + 1, first + 2, first + 3]);
        let other_history = Arc::new(History::new(10, Clock::manual()));
        assert_eq!(identity.number(&other_history, Some(&boto), "2", None), 1);
    }
}
