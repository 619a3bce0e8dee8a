'use strict';

// Writes the records that it gets to the file $RECORDS. A batch with "fails once" in it fails the first time; a record
// with "reported" in it is reported as a failed item of its batch.

const { appendFileSync } = require('node:fs');

let calls = 0;

module.exports.orders = async (event) => {
  for (const record of event.Records) appendFileSync(process.env.RECORDS, `${JSON.stringify(record)}\n`);
  if (event.Records.some((record) => record.body === 'fails once') && calls++ === 0) {
    throw new Error('the first time');
  }
  const failed = event.Records.filter((record) => record.body === 'reported');
  return { batchItemFailures: failed.map((record) => ({ itemIdentifier: record.messageId })) };
};
