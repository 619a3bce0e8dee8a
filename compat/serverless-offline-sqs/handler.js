'use strict';

// Writes the records that it gets to the file $RECORDS. A batch with "fails once" in it fails the first time.

const { appendFileSync } = require('node:fs');

module.exports.orders = async (event) => {
  for (const record of event.Records) appendFileSync(process.env.RECORDS, `${JSON.stringify(record)}\n`);
  if (event.Records.some((r) => r.body === 'fails once' && r.attributes.ApproximateReceiveCount === '1')) {
    throw new Error('the first time');
  }
  return { batchItemFailures: [] };
};
