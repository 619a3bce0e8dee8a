// The scenario that every JavaScript SDK runs.
//
// `sqs` hides what differs between the generations of the SDK:
//   call(operation, input)   does an operation, named as in the API ("SendMessage")
//   isA(error, name)         is it the SDK's own exception of that name? (true where the SDK has no classes)
//   code(error)              the error code that a user of this SDK matches on
//   message(error)           the text of the service
//   query                    it speaks the Query protocol

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';

export const KEW_URL = process.env.KEW_URL;
export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

const BODY = 'hello <world> & "ünïcode" \u{1f427} 日本語\r\n\tend';
const ATTRIBUTES = {
  Text: { DataType: 'String', StringValue: 'välue <&>' },
  Count: { DataType: 'Number', StringValue: '42.50' },
  Bytes: { DataType: 'Binary', BinaryValue: new Uint8Array([0, 1, 254, 255]) },
  Millis: { DataType: 'Number.java.lang.Long', StringValue: '1493147359900' },
  'Picture.name': { DataType: 'Binary.gif', BinaryValue: new Uint8Array([71, 73, 70]) },
};
const TRACE = { AWSTraceHeader: { DataType: 'String', StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793' } };
const JUNK = 'junk-receipt-handle';
const NON_EXISTENT = 'AWS.SimpleQueueService.NonExistentQueue';

export const ok = (what) => console.log(`ok: ${what}`);
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const md5 = (text) => createHash('md5').update(text).digest('hex');

/** The digest as the SQS developer guide describes it. */
function md5OfAttributes(attributes) {
  const digest = createHash('md5');
  const add = (bytes) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    digest.update(length).update(bytes);
  };
  for (const name of Object.keys(attributes).sort()) {
    const { DataType, StringValue, BinaryValue } = attributes[name];
    add(Buffer.from(name));
    add(Buffer.from(DataType));
    digest.update(Buffer.of(BinaryValue ? 2 : 1));
    add(Buffer.from(BinaryValue ?? StringValue));
  }
  return digest.digest('hex');
}

/** Attributes as plain data: SDKs differ in the class of binary values, and some add empty lists. */
function plain(attributes) {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      { DataType, value: BinaryValue ? [...BinaryValue] : StringValue },
    ]),
  );
}

export async function fails(sqs, name, code, operation, input) {
  try {
    await sqs.call(operation, input);
  } catch (error) {
    assert.ok(sqs.isA(error, name), `${operation}: expected ${name}, got ${error.name}: ${error.message}`);
    assert.equal(sqs.code(error), code, `${operation}: code of ${name}`);
    return error;
  }
  return assert.fail(`${operation}: expected ${name}, but the call succeeded`);
}

export async function core(sqs) {
  const name = `core-${randomUUID().slice(0, 8)}`;
  const url = await queues(sqs, name);
  await sendingAndReceiving(sqs, url);
  await visibilityAndDeletion(sqs, url);
  await fifo(sqs, name);
  await errors(sqs, url, name);
  await endOfAQueue(sqs, url, name);
}

async function queues(sqs, name) {
  const created = { VisibilityTimeout: '45', MessageRetentionPeriod: '86400' };
  const tags = { team: 'kew', purpose: 'compat test' };
  const { QueueUrl: url } = await sqs.call('CreateQueue', { QueueName: name, Attributes: created, tags });
  assert.equal(url, `${KEW_URL}/${ACCOUNT}/${name}`);
  assert.equal((await sqs.call('GetQueueUrl', { QueueName: name })).QueueUrl, url);
  assert.equal((await sqs.call('CreateQueue', { QueueName: name, Attributes: created })).QueueUrl, url);
  ok('create queue, again, and its URL');

  await sqs.call('CreateQueue', { QueueName: `${name}-other` });
  assert.deepEqual((await sqs.call('ListQueues', { QueueNamePrefix: name })).QueueUrls, [url, `${url}-other`]);
  await sqs.call('DeleteQueue', { QueueUrl: `${url}-other` });
  ok('list queues by prefix');

  assert.deepEqual((await sqs.call('ListQueueTags', { QueueUrl: url })).Tags, tags);
  await sqs.call('TagQueue', { QueueUrl: url, Tags: { team: 'everybody' } });
  await sqs.call('UntagQueue', { QueueUrl: url, TagKeys: ['purpose'] });
  assert.deepEqual((await sqs.call('ListQueueTags', { QueueUrl: url })).Tags, { team: 'everybody' });
  ok('tags');

  await sqs.call('SetQueueAttributes', { QueueUrl: url, Attributes: { MaximumMessageSize: '2048' } });
  const { Attributes } = await sqs.call('GetQueueAttributes', { QueueUrl: url, AttributeNames: ['All'] });
  const { CreatedTimestamp, LastModifiedTimestamp, ...others } = Attributes;
  assert.match(CreatedTimestamp, /^\d{10}$/);
  assert.match(LastModifiedTimestamp, /^\d{10}$/);
  assert.deepEqual(others, {
    ...created,
    MaximumMessageSize: '2048',
    DelaySeconds: '0',
    ReceiveMessageWaitTimeSeconds: '0',
    SqsManagedSseEnabled: 'true',
    QueueArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`,
    ApproximateNumberOfMessages: '0',
    ApproximateNumberOfMessagesNotVisible: '0',
    ApproximateNumberOfMessagesDelayed: '0',
  });
  ok('set and get queue attributes');
  return url;
}

async function sendingAndReceiving(sqs, url) {
  const sent = await sqs.call('SendMessage', {
    QueueUrl: url, MessageBody: BODY, MessageAttributes: ATTRIBUTES, MessageSystemAttributes: TRACE,
  });
  assert.equal(sent.MD5OfMessageBody, md5(BODY));
  assert.equal(sent.MD5OfMessageAttributes, md5OfAttributes(ATTRIBUTES));
  assert.equal(sent.MD5OfMessageSystemAttributes, md5OfAttributes(TRACE));
  assert.equal(sent.SequenceNumber, undefined);
  ok('send with String, Number, Binary and custom attributes, a trace header and a Unicode body');

  const { Messages } = await sqs.call('ReceiveMessage', {
    QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 5, AttributeNames: ['All'], MessageAttributeNames: ['All'],
  });
  assert.equal(Messages.length, 1);
  const [message] = Messages;
  assert.equal(message.MessageId, sent.MessageId);
  assert.equal(message.Body, BODY);
  assert.equal(message.MD5OfBody, md5(BODY));
  assert.deepEqual(plain(message.MessageAttributes), plain(ATTRIBUTES));
  assert.equal(message.MD5OfMessageAttributes, md5OfAttributes(ATTRIBUTES));
  assert.equal(message.Attributes.ApproximateReceiveCount, '1');
  assert.equal(message.Attributes.AWSTraceHeader, TRACE.AWSTraceHeader.StringValue);
  assert.match(message.Attributes.SentTimestamp, /^\d{13}$/);
  assert.match(message.Attributes.ApproximateFirstReceiveTimestamp, /^\d{13}$/);
  assert.ok(message.Attributes.SenderId);
  ok('receive by long poll: body, digests, message attributes, system attributes');

  await sqs.call('ChangeMessageVisibility', {
    QueueUrl: url, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0,
  });
  const again = (await sqs.call('ReceiveMessage', { QueueUrl: url, MessageAttributeNames: ['Text', 'Pic.*'] })).Messages[0];
  const some = { Text: ATTRIBUTES.Text, 'Picture.name': ATTRIBUTES['Picture.name'] };
  assert.deepEqual(plain(again.MessageAttributes), plain(some));
  assert.equal(again.MD5OfMessageAttributes, md5OfAttributes(some));
  assert.notEqual(again.ReceiptHandle, message.ReceiptHandle);
  await sqs.call('DeleteMessage', { QueueUrl: url, ReceiptHandle: again.ReceiptHandle });
  ok('visibility 0, chosen message attributes, delete');
}

async function counters(sqs, url) {
  const names = ['', 'NotVisible', 'Delayed'].map((what) => `ApproximateNumberOfMessages${what}`);
  const { Attributes } = await sqs.call('GetQueueAttributes', { QueueUrl: url, AttributeNames: names });
  return names.map((name) => Number(Attributes[name]));
}

function oneFailed(batch, good, bad) {
  assert.deepEqual(batch.Successful.map((entry) => entry.Id), [good]);
  assert.deepEqual(batch.Failed.map((entry) => entry.Id), [bad]);
  assert.equal(batch.Failed[0].Code, 'ReceiptHandleIsInvalid');
  assert.equal(batch.Failed[0].SenderFault, true);
}

async function visibilityAndDeletion(sqs, url) {
  const Entries = [0, 1, 2].map((i) => ({ Id: `m${i}`, MessageBody: `body ${i}`, DelaySeconds: i === 2 ? 900 : 0 }));
  const batch = await sqs.call('SendMessageBatch', { QueueUrl: url, Entries });
  assert.deepEqual(batch.Successful.map((entry) => entry.Id), ['m0', 'm1', 'm2']);
  assert.deepEqual(await counters(sqs, url), [2, 0, 1]);
  const { Messages } = await sqs.call('ReceiveMessage', { QueueUrl: url, MaxNumberOfMessages: 10 });
  assert.deepEqual(Messages.map((message) => message.Body), ['body 0', 'body 1']);
  assert.deepEqual(await counters(sqs, url), [0, 2, 1]);
  ok('batch of three, one delayed, and the counters');

  const [first, second] = Messages.map((message) => message.ReceiptHandle);
  await sqs.call('ChangeMessageVisibility', { QueueUrl: url, ReceiptHandle: first, VisibilityTimeout: 120 });
  const both = [{ Id: 'a', ReceiptHandle: first }, { Id: 'b', ReceiptHandle: JUNK }];
  oneFailed(
    await sqs.call('ChangeMessageVisibilityBatch', {
      QueueUrl: url, Entries: both.map((entry) => ({ ...entry, VisibilityTimeout: 60 })),
    }),
    'a',
    'b',
  );
  ok('change visibility, and a batch of it with one bad handle');

  oneFailed(await sqs.call('DeleteMessageBatch', { QueueUrl: url, Entries: both }), 'a', 'b');
  await sqs.call('DeleteMessage', { QueueUrl: url, ReceiptHandle: second });
  assert.deepEqual(await counters(sqs, url), [0, 0, 1]);
  ok('delete, and a batch of it with one bad handle');

  const started = Date.now();
  const empty = await sqs.call('ReceiveMessage', { QueueUrl: url, WaitTimeSeconds: 2 });
  const waited = Date.now() - started;
  assert.equal(empty.Messages?.length ?? 0, 0);
  assert.ok(waited >= 1900 && waited <= 3500, `the empty long poll of 2 s took ${waited} ms`);
  ok('an empty long poll returns after its wait');
}

async function fifo(sqs, name) {
  const Attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true' };
  const { QueueUrl } = await sqs.call('CreateQueue', { QueueName: `${name}.fifo`, Attributes });
  const send = (MessageBody, MessageGroupId, more) =>
    sqs.call('SendMessage', { QueueUrl, MessageBody, MessageGroupId, ...more });
  const receive = async () =>
    (await sqs.call('ReceiveMessage', { QueueUrl, AttributeNames: ['All'], WaitTimeSeconds: 1 })).Messages[0];
  const first = await send('one', 'g1', { MessageDeduplicationId: 'd1' });
  const twice = await send('other', 'g1', { MessageDeduplicationId: 'd1' });
  assert.equal(twice.MessageId, first.MessageId);
  const second = await send('two', 'g1');
  assert.ok(BigInt(second.SequenceNumber) > BigInt(first.SequenceNumber));
  await send('three', 'g2');

  const head = await receive();
  assert.equal(head.Body, 'one');
  assert.equal(head.Attributes.MessageGroupId, 'g1');
  assert.equal(head.Attributes.MessageDeduplicationId, 'd1');
  assert.equal(head.Attributes.SequenceNumber, first.SequenceNumber);
  assert.equal((await receive()).Body, 'three');
  await sqs.call('DeleteMessage', { QueueUrl, ReceiptHandle: head.ReceiptHandle });
  assert.equal((await receive()).Body, 'two');
  await sqs.call('DeleteQueue', { QueueUrl });
  ok('FIFO: groups, deduplication, sequence numbers');
}

async function errors(sqs, url, name) {
  const missing = `${KEW_URL}/${ACCOUNT}/missing`;
  const error = await fails(sqs, 'QueueDoesNotExist', NON_EXISTENT, 'GetQueueUrl', { QueueName: 'missing' });
  assert.equal(sqs.message(error), `The specified queue does not exist${sqs.query ? ' for this wsdl version' : ''}.`);
  await fails(sqs, 'QueueDoesNotExist', NON_EXISTENT, 'SendMessage', { QueueUrl: missing, MessageBody: 'x' });
  await fails(sqs, 'QueueDoesNotExist', NON_EXISTENT, 'ReceiveMessage', { QueueUrl: missing });
  ok('a missing queue is QueueDoesNotExist');

  const junk = { QueueUrl: url, ReceiptHandle: JUNK };
  const invalid = await fails(sqs, 'ReceiptHandleIsInvalid', 'ReceiptHandleIsInvalid', 'DeleteMessage', junk);
  assert.equal(sqs.message(invalid), `The input receipt handle "${JUNK}" is not a valid receipt handle.`);
  ok('a junk receipt handle is ReceiptHandleIsInvalid');

  const batch = (Entries) => ['SendMessageBatch', { QueueUrl: url, Entries }];
  const entry = { Id: 'a', MessageBody: 'x' };
  const eleven = Array.from({ length: 11 }, (_, i) => ({ ...entry, Id: `${i}` }));
  const prefix = 'AWS.SimpleQueueService.';
  for (const [exception, code, operation, input] of [
    ['QueueNameExists', 'QueueAlreadyExists', 'CreateQueue', { QueueName: name, Attributes: { DelaySeconds: '9' } }],
    ['InvalidAttributeName', 'InvalidAttributeName', 'SetQueueAttributes', { QueueUrl: url, Attributes: { Nonsense: '1' } }],
    ['TooManyEntriesInBatchRequest', `${prefix}TooManyEntriesInBatchRequest`, ...batch(eleven)],
    ['BatchEntryIdsNotDistinct', `${prefix}BatchEntryIdsNotDistinct`, ...batch([entry, entry])],
    ['InvalidBatchEntryId', `${prefix}InvalidBatchEntryId`, ...batch([{ ...entry, Id: 'no spaces please' }])],
    ['InvalidMessageContents', 'InvalidMessageContents', 'SendMessage', { QueueUrl: url, MessageBody: '\u0007' }],
  ]) {
    await fails(sqs, exception, code, operation, input);
  }
  ok('names and codes of the other errors');
}

async function endOfAQueue(sqs, url, name) {
  await sqs.call('PurgeQueue', { QueueUrl: url });
  assert.deepEqual(await counters(sqs, url), [0, 0, 0]);
  await sqs.call('DeleteQueue', { QueueUrl: url });
  await fails(sqs, 'QueueDoesNotExist', NON_EXISTENT, 'GetQueueUrl', { QueueName: name });
  await fails(sqs, 'QueueDoesNotExist', NON_EXISTENT, 'GetQueueAttributes', { QueueUrl: url, AttributeNames: ['All'] });
  ok('purge and delete; then the queue does not exist');
}
