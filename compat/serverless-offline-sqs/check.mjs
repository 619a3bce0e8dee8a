// A Lambda function with an SQS event source, run by serverless-offline.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ok, sleep } from '../_node/core.mjs';

const sqs = new SQSClient({});
const directory = mkdtempSync(join(tmpdir(), 'kew-serverless-'));
const RECORDS = join(directory, 'records');
writeFileSync(RECORDS, '');

const records = () => readFileSync(RECORDS, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));

async function waitFor(what, done) {
  const deadline = Date.now() + 60_000;
  while (!(await done())) {
    assert.equal(serverless.exitCode, null, 'serverless ended by itself');
    assert.ok(Date.now() < deadline, `not within 60 s: ${what}; records ${JSON.stringify(records())}`);
    await sleep(100);
  }
}

async function isEmpty() {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  return Attributes.ApproximateNumberOfMessages === '0' && Attributes.ApproximateNumberOfMessagesNotVisible === '0';
}

const { QueueUrl } = await sqs.send(
  new CreateQueueCommand({ QueueName: 'orders', Attributes: { VisibilityTimeout: '8' } }),
);
const serverless = spawn('node_modules/.bin/serverless', ['offline', 'start'], {
  env: { ...process.env, RECORDS, SLS_TELEMETRY_DISABLED: '1', SLS_NOTIFICATIONS_MODE: 'off' },
  stdio: ['ignore', 'inherit', 'inherit'],
});
try {
  const MessageAttributes = { colour: { DataType: 'String', StringValue: 'blue' } };
  for (const MessageBody of ['one', 'two', 'three']) {
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageAttributes }));
  }
  await waitFor('three records', () => records().length >= 3);
  await waitFor('an empty queue', isEmpty);
  const found = records();
  assert.deepEqual(found.map((record) => record.body).sort(), ['one', 'three', 'two']);
  for (const record of found) {
    assert.equal(record.eventSourceARN, 'arn:aws:sqs:us-east-1:000000000000:orders');
    assert.equal(record.messageAttributes.colour.stringValue, 'blue');
    assert.equal(record.attributes.ApproximateReceiveCount, '1');
    assert.match(record.attributes.SentTimestamp, /^\d{13}$/);
  }
  ok('three messages reach the handler, with their attributes, and are deleted');

  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'fails once' }));
  await waitFor('the second attempt', () => records().length >= 5);
  await waitFor('an empty queue', isEmpty);
  const attempts = records().slice(3).map((record) => `${record.body} ${record.attributes.ApproximateReceiveCount}`);
  assert.deepEqual(attempts, ['fails once 1', 'fails once 2']);
  ok('a failing handler leaves its batch on the queue and gets it again');

  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'reported' }));
  await waitFor('the reported record', () => records().length >= 6);
  await waitFor('an empty queue', isEmpty);
  assert.equal(records().length, 6);
  ok('as expected of this version, a record in batchItemFailures is deleted with its batch');
} finally {
  serverless.kill('SIGINT');
  await Promise.race([once(serverless, 'exit'), sleep(10_000)]);
  rmSync(directory, { recursive: true });
}
