//! A PostgreSQL for the tests.

use std::sync::atomic::{AtomicU32, Ordering};

/// The URL of a new database, on the server of which `KEW_TEST_POSTGRES` names a database.
pub fn new_url() -> Option<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let base = std::env::var("KEW_TEST_POSTGRES").ok()?;
    let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    sql(&base, &format!("CREATE DATABASE {name}"));
    Some(format!("{}/{name}", base.rsplit_once('/')?.0))
}

/// Carries out SQL; the rows of the last statement that has any, columns parted by `|`.
pub fn sql(url: &str, sql: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        drop(client);
        let _ = connection.await;
        let row = |message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                let columns = (0..row.len()).map(|at| row.get(at).unwrap_or("").to_owned());
                Some(columns.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        };
        messages.into_iter().filter_map(row).collect()
    })
}
