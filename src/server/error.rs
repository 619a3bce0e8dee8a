//! Why a server did not start.

use crate::config::SettingError;
use crate::http;
use crate::store::StoreError;
use std::net::SocketAddr;
use std::{error, fmt, io};

/// Why a server did not start.
///
/// The text is whole, without that of [`source`](error::Error::source), which is the error below it, such as the
/// [`io::Error`] of a port that is in use.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot be what it is.
    #[non_exhaustive]
    Setting {
        /// The method of [`ServerBuilder`](crate::ServerBuilder) or the field of [`Config`](crate::Config).
        name: &'static str,
        /// What would be right.
        source: SettingError,
    },
    /// An address cannot be listened on.
    #[non_exhaustive]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A certificate or its key cannot be used: which file, and what is wrong with it.
    Tls(String),
    /// A thread cannot be had, or what it needs of the system.
    Thread(io::Error),
    /// The data directory cannot be used.
    Store(StoreError),
    /// Queues of the data directory cannot be told apart by accounts and regions as they are used; what to do.
    Namespace(String),
    /// A configured rule about faults cannot be: where it stands, and what would be right.
    Fault(String),
    /// A configured queue is not one that SQS would create.
    #[non_exhaustive]
    Queue {
        /// Its name.
        name: String,
        /// What SQS would answer to its CreateQueue or SetQueueAttributes.
        reason: String,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Setting { name, source } => write!(f, "{name}: {source}"),
            StartError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: the port is in use")
            }
            StartError::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            StartError::Thread(source) => write!(f, "cannot start a thread: {source}"),
            StartError::Store(error) => error.fmt(f),
            StartError::Namespace(text) | StartError::Fault(text) | StartError::Tls(text) => f.write_str(text),
            StartError::Queue { name, reason } => write!(f, "queue {name}: {reason}"),
        }
    }
}

impl error::Error for StartError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            StartError::Setting { source, .. } => Some(source),
            StartError::Listen { source, .. } | StartError::Thread(source) => Some(source),
            StartError::Store(source) => Some(source),
            StartError::Namespace(_) | StartError::Fault(_) | StartError::Tls(_) | StartError::Queue { .. } => None,
        }
    }
}

impl StartError {
    pub(super) fn of_http(error: http::ServeError) -> StartError {
        match error {
            http::ServeError::Listen { address, source } => StartError::Listen { address, source },
            http::ServeError::Thread(source) => StartError::Thread(source),
        }
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> StartError {
        StartError::Store(error)
    }
}
