//! Every limit on what comes in from the network, and on how long it may take.

use std::time::Duration;

/// Bytes of a request's URL and header names and values together.
pub const HEADER_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a request's URL; within [`HEADER_BYTES_MAX`]. It is hyper's own limit, and that of its `Uri`.
pub const URL_BYTES_MAX: usize = 65_534;
/// Bytes of a request's head that are read at all; of a longer one nothing is known, not even its protocol.
pub const HEAD_BYTES_HARD_MAX: usize = 512 * 1024;
/// Header fields of a request. It is hyper's own default: with any other it allocates for each request.
pub const HEADER_FIELDS_MAX: usize = 100;
/// Header fields of a client's request that another node has sent: it adds some of its own.
pub(super) const PEER_HEADER_FIELDS_MAX: usize = HEADER_FIELDS_MAX + 8;
/// Bytes that are read ahead of a parked ReceiveMessage, to notice that the client has gone behind further requests.
/// With more than that waiting it is not noticed.
pub const READ_AHEAD_BYTES_MAX: usize = 16 * 1024;
/// How long a request's head may take to come in, a connection be idle, and a client read nothing of an answer; it may be an
/// eighth longer.
pub const HEADER_TIME_LIMIT: Duration = Duration::from_secs(75);
/// How long the handshake of a connection by TLS may take, waiting for its turn included.
pub const HANDSHAKE_TIME_LIMIT: Duration = Duration::from_secs(10);
/// Handshakes at one time, over all connections: more would make none of them faster. Others wait, and their time passes.
pub const HANDSHAKES_MAX: usize = 256;
/// How long a request's body may take to come in.
pub const BODY_TIME_LIMIT: Duration = Duration::from_secs(60);
/// Connections that are being told at one time that there is no room for them; others are closed without a word.
pub(super) const TURNED_AWAY_MAX: usize = 256;
/// How long a connection is listened to after an answer that ended it early, so that the client comes to read that answer.
pub const LINGER_TIME_LIMIT: Duration = Duration::from_secs(2);
/// How long a stopping server waits for requests that are under way.
pub const SHUTDOWN_TIME_LIMIT: Duration = Duration::from_secs(5);
