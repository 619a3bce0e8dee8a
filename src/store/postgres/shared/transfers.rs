//! Messages that are on their way from one queue to another.

use super::super::columns;
use super::super::read::{MessageReader, get, unsigned};
use super::control::Shared;
use crate::store::{StoreError, TransferRecord};

/// Columns of a message from the eighth on.
const TRANSFERS: &str = "SELECT source, number, source_arn, cause, task, receive_count, first_received_ms, sent_ms, \
    retained_ms, message_id, body_md5, grp, extra::text, attributes, attributes_md5, body FROM kew.transfer \
    WHERE target = $1 ORDER BY source, number LIMIT $2";

impl Shared {
    /// What is on its way to a queue: by source, and by number there. It is as durable as the database promises: a server
    /// that takes the place of the one that was asked has it too. To be read again when what was read before has been taken
    /// for certain.
    ///
    /// # Errors
    /// When the database does not answer, or does not hold what was written.
    pub async fn transfers(&mut self, target: u64, at_most: usize) -> Result<Vec<TransferRecord>, StoreError> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let session = self.take().await?;
        let rows = self.in_time(session.client.query(TRANSFERS, &[&target.cast_signed(), &at_most])).await?;
        if !rows.is_empty() {
            self.settle(&session).await?;
        }
        self.give_back(session);
        let mut reader = MessageReader::default();
        let mut transfers = Vec::with_capacity(rows.len());
        for row in rows {
            let mut read = || -> Result<TransferRecord, String> {
                let receive_count = get::<i32>(&row, 5)?.cast_unsigned();
                let first_received = super::super::read::optional_time(&row, 6)?;
                Ok(TransferRecord {
                    source: get::<i64>(&row, 0)?.cast_unsigned(),
                    number: unsigned(&row, 1)?,
                    target,
                    source_arn: get::<&str>(&row, 2)?.into(),
                    cause: columns::cause(get(&row, 3)?, get(&row, 4)?)?,
                    message: reader.message(&row, 7, first_received, receive_count)?,
                })
            };
            let transfer =
                read().map_err(|error| self.damaged(format!("in kew.transfer, to queue {target}: {error}")))?;
            transfers.push(transfer);
        }
        Ok(transfers)
    }
}
