//! Who sends the requests of a connection, as the history of a space knows it: a number, asked for once.

use crate::control::History;
use hyper::header::HeaderValue;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The client at the other end of a connection. Nearly all requests of a connection are of one program and one account.
#[derive(Debug, Default)]
pub struct Identity(Mutex<Option<Known>>);

/// The number that a history gave a client.
#[derive(Debug)]
struct Known {
    history: Weak<History>,
    user_agent: Option<Box<[u8]>>,
    account: Box<str>,
    number: u32,
}

impl Identity {
    /// The number of the client.
    pub(super) fn number(
        &self,
        history: &Arc<History>,
        user_agent: Option<&HeaderValue>,
        account: &str,
        peer: Option<SocketAddr>,
    ) -> u32 {
        let user_agent = user_agent.map(HeaderValue::as_bytes);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known
            && known.user_agent.as_deref() == user_agent
            && *known.account == *account
            && std::ptr::eq(known.history.as_ptr(), Arc::as_ptr(history))
        {
            return known.number;
        }
        let text = user_agent.map(String::from_utf8_lossy);
        let number = history.client(text.as_deref(), peer, account, false);
        let (user_agent, account) = (user_agent.map(Box::from), account.into());
        *known = Some(Known { history: Arc::downgrade(history), user_agent, account, number });
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
