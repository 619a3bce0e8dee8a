//! How rows are written and taken away, with the totals of their tables kept in step.

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension as _, Statement, params_from_iter};

use super::manifest::Manifest;
use super::rows::{MESSAGES, Table, Total, put_value};

impl Manifest {
    /// Writes a row, new or in place of the one with the same key.
    pub(super) fn put(
        &mut self,
        connection: &Connection,
        table: &Table,
        values: &[&dyn ToSql],
    ) -> rusqlite::Result<()> {
        self.put_by(&mut *connection.prepare_cached(table.insert())?, connection, table, values, None)
    }

    /// The same with a statement at hand; and with a text, of which the first is what stands in the row.
    pub(super) fn put_by(
        &mut self,
        insert: &mut Statement<'_>,
        connection: &Connection,
        table: &Table,
        values: &[&dyn ToSql],
        text: Option<(&dyn ToSql, &str)>,
    ) -> rusqlite::Result<()> {
        let checksum = table.checksum(values, text.map(|(_, text)| text))?;
        let (stored, text): (&dyn ToSql, _) = (&checksum, text.map(|(stored, _)| stored));
        let row = || params_from_iter(values.iter().chain([&stored]).chain(&text));
        let total = self.totals.of(table);
        if insert.execute(row())? == 1 {
            total.add(1, checksum.into());
            return Ok(());
        }
        let before: i64 = connection
            .prepare_cached(&table.sql.find)?
            .query_row(params_from_iter(&values[..table.key]), |row| row.get(0))?;
        // Not deleted and inserted: the row keeps its place, and move tasks their order.
        connection.prepare_cached(&table.sql.replace)?.execute(row())?;
        total.add(0, i64::from(checksum).wrapping_sub(before));
        Ok(())
    }

    /// Changes the first columns of a message's row. Returns whether there is such a row.
    pub(super) fn change_message(&mut self, connection: &Connection, status: &[&dyn ToSql]) -> rusqlite::Result<bool> {
        let found = connection
            .prepare_cached(
                "SELECT id, slot, place, state, deadline_ms, receive_count, first_received_ms, received_ms, checksum \
                 FROM messages WHERE id = ?",
            )?
            .query_row([status[0]], |row| {
                let mut bytes = MESSAGES.begin();
                for index in 0..MESSAGES.changing {
                    put_value(&mut bytes, row.get_ref(index)?);
                }
                Ok((crc32fast::hash(&bytes), row.get::<_, u32>(MESSAGES.changing)?))
            })
            .optional()?;
        let Some((status_before, before)) = found else { return Ok(false) };
        let after = before.wrapping_sub(status_before).wrapping_add(MESSAGES.checksum_of_changing(status)?);
        let mut update = connection.prepare_cached(
            "UPDATE messages SET slot = ?2, place = ?3, state = ?4, deadline_ms = ?5, receive_count = ?6, \
             first_received_ms = ?7, received_ms = ?8, checksum = ?9 WHERE id = ?1",
        )?;
        update.execute(params_from_iter(status.iter().chain([&(&after as &dyn ToSql)])))?;
        self.totals.of(&MESSAGES).add(0, i64::from(after) - i64::from(before));
        Ok(true)
    }

    /// Deletes rows of a table: `DELETE FROM` its name and this condition. Returns how many there were.
    pub(super) fn delete(
        &mut self,
        connection: &Connection,
        table: &Table,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> rusqlite::Result<i64> {
        self.delete_by(&mut *connection.prepare_cached(sql)?, table, params)
    }

    /// The same with a statement at hand.
    pub(super) fn delete_by(
        &mut self,
        statement: &mut Statement<'_>,
        table: &Table,
        params: impl rusqlite::Params,
    ) -> rusqlite::Result<i64> {
        let mut rows = statement.query(params)?;
        let mut gone = Total::default();
        while let Some(row) = rows.next()? {
            gone.add(1, row.get(0)?);
        }
        self.totals.of(table).add(-gone.rows, gone.sum.wrapping_neg());
        Ok(gone.rows)
    }
}
