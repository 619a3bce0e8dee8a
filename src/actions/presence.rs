//! Whether the client of a parked ReceiveMessage is still there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

/// Whether the client of a parked ReceiveMessage is still there.
///
/// That is found out only while one is parked: what takes no time is answered also to a client that has ended its half
/// of the connection and reads on. The socket, which finds out, wakes the task of the request.
#[derive(Debug, Default)]
pub struct Presence {
    parked: AtomicBool,
    gone: AtomicBool,
}

impl Presence {
    /// A next request of the same client begins.
    pub fn begin(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// Whether someone should look after the client now.
    pub fn is_wanted(&self) -> bool {
        self.parked.load(Ordering::Relaxed) && !self.gone.load(Ordering::Relaxed)
    }

    /// Whether the request that is under way has waited in line.
    pub fn has_waited(&self) -> bool {
        self.parked.load(Ordering::Relaxed)
    }

    /// The client has gone, or will at least say no more.
    pub fn end(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Ends when a client has gone.
    pub async fn gone(presence: Option<&Presence>) {
        std::future::poll_fn(|_| match presence {
            Some(presence) => {
                presence.parked.store(true, Ordering::Relaxed);
                if presence.gone.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
            }
            None => Poll::Pending,
        })
        .await;
    }

    /// Has the client looked after once more, to be called before a parked receive is answered: what it was handed may have come
    /// before the end of a connection that ended earlier. It takes a turn of the runtime, which learns of what happened on the
    /// socket, and one more in which the socket is read.
    pub(super) async fn look_again(presence: Option<&Presence>) {
        if presence.is_some() {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
    }
    /// Whether a client has gone, which is looked at now.
    pub async fn is_gone_now(presence: Option<&Presence>) -> bool {
        tokio::select! {
            biased;
            () = Presence::gone(presence) => true,
            () = Presence::look_again(presence) => false,
        }
    }
}
