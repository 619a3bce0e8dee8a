//! Errors of a database, in the words of the store: what is certain after them, and what to do.

use std::error::Error as _;

use tokio_postgres::error::DbError;

use crate::store::StoreError;

/// What the function `kew.hold` raises when this kew is not to write any more.
pub(super) const FENCED: &str = "KW001";

/// What a batch raises that has a message or a queue in it of which the database knows otherwise.
const DISAGREES: &str = "KW002";

/// Why an exchange with the database did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may have taken place or not: the connection was lost, or the server is going down.
    Unknown(String),
    /// The same, for nothing was heard of it in time. It may have been too much for that time.
    Silence,
    /// This kew is not to write any more.
    Fenced(String),
    /// The number of this batch is there, as a mark or in the journal: it was committed before.
    There,
    /// The database does not take it. Nothing of it took place.
    Refused(StoreError),
}

/// The text of an error with those below it.
pub(super) fn chain(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => said(error),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// What the database says.
pub(super) fn said(error: &DbError) -> String {
    match error.detail() {
        Some(detail) => format!("{} ({}): {detail}", error.message(), error.code().code()),
        None => format!("{} ({})", error.message(), error.code().code()),
    }
}

/// Judges an error of a statement of a commit.
pub(super) fn judge(place: &str, error: &tokio_postgres::Error) -> Trouble {
    let Some(db) = error.as_db_error() else { return Trouble::Unknown(chain(error)) };
    match db.code().code() {
        FENCED => Trouble::Fenced(db.detail().unwrap_or_default().to_owned()),
        "23505" if matches!(db.table(), Some("mark" | "journal")) => Trouble::There,
        code if may_pass(code) => Trouble::Unknown(said(db)),
        _ => Trouble::Refused(refusal(place, db)),
    }
}

/// Whether it may go well another time: lost connections, a server that stops or starts or only reads, what was
/// cancelled, deadlocks, locks not had in time, and what there is too little of for a moment.
fn may_pass(code: &str) -> bool {
    const CLASSES: [&str; 3] = ["08", "40", "57"];
    const CODES: [&str; 6] = ["25006", "25P02", "25P03", "53200", "53300", "55P03"];
    CLASSES.contains(&&code[..2.min(code.len())]) || CODES.contains(&code)
}

/// An error that another attempt would meet again.
pub(super) fn refusal(place: &str, error: &DbError) -> StoreError {
    let unusable = |cure: &str| StoreError::Unusable { place: place.into(), detail: said(error), cure: cure.into() };
    match error.code().code() {
        "53100" => StoreError::DiskFull { path: place.into() },
        "42501" => unusable(
            "give kew's user all rights in the schema kew, or CREATE on the database so that kew can make it: \
             GRANT CREATE ON DATABASE ... TO ...",
        ),
        "3F000" | "42P01" | "42703" | "42883" => {
            unusable("the schema kew is not as kew made it: bring it back, or remove it with all that it holds")
        }
        code if code.starts_with("XX") => StoreError::Damaged { place: place.into(), detail: said(error) },
        code if code.starts_with("58") => unusable("the database has trouble with its files; look into its log"),
        DISAGREES => {
            let detail =
                format!("{place} knows otherwise than this kew, which commits nothing more: {}", error.message());
            StoreError::Internal { detail }
        }
        _ => StoreError::Internal { detail: format!("{place}: {}", said(error)) },
    }
}

/// Judges an error of a new connection, or of a question at the start.
pub(super) fn at_start(place: &str, error: &tokio_postgres::Error) -> StoreError {
    let unusable = |cure: &str| StoreError::Unusable { place: place.into(), detail: chain(error), cure: cure.into() };
    let Some(db) = error.as_db_error() else {
        let text = error.to_string();
        if text.starts_with("invalid configuration") || text.starts_with("authentication error") {
            return unusable("check user and password in its URL, or set PGPASSWORD");
        }
        if text.starts_with("error performing TLS handshake") {
            return unusable("check sslmode and sslrootcert in its URL, and the certificate of the server");
        }
        if chain(error).contains("does not allow writes") {
            return StoreError::Unusable {
                place: place.into(),
                detail: "it is a stand-by, which only reads".into(),
                cure: "name the primary in the URL, or all of them: postgres://USER@HOST1,HOST2/DATABASE".into(),
            };
        }
        return StoreError::Unreachable { detail: format!("{place} does not answer ({})", chain(error)) };
    };
    match db.code().code() {
        "28P01" | "28000" => unusable("check user and password in its URL, and pg_hba.conf of the server"),
        "3D000" => unusable("make it with `createdb`, or name another in the URL"),
        code if may_pass(code) => StoreError::Unreachable { detail: format!("{place} is not ready ({})", said(db)) },
        _ => refusal(place, db),
    }
}
