// sqs-producer sends, sqs-consumer takes in batches, with heartbeats, failures that end in a dead-letter queue, and a
// stop that lets the running handler finish.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Consumer } from 'sqs-consumer';
import { Producer } from 'sqs-producer';
import { ok, sleep } from '../_node/core.mjs';

const sqs = new SQSClient({});

async function createQueue(QueueName, Attributes) {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  return QueueUrl;
}

async function attributes(QueueUrl) {
  return (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes;
}

async function isEmpty(QueueUrl) {
  const found = await attributes(QueueUrl);
  return found.ApproximateNumberOfMessages === '0' && found.ApproximateNumberOfMessagesNotVisible === '0';
}

async function waitFor(what, done, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await done())) {
    assert.ok(Date.now() < deadline, `not within ${seconds} s: ${what}`);
    await sleep(50);
  }
}

function startConsumer(options) {
  const consumer = Consumer.create({ sqs, waitTimeSeconds: 2, pollingCompleteWaitTimeMs: 5000, ...options });
  consumer.on('error', (error) => assert.fail(error));
  consumer.start();
  return consumer;
}

async function stop(consumer) {
  const stopped = once(consumer, 'stopped');
  consumer.stop();
  await stopped;
}

async function batches() {
  const queueUrl = await createQueue('batches');
  const producer = Producer.create({ queueUrl, sqs });
  const messageAttributes = { colour: { DataType: 'String', StringValue: 'grün' } };
  const messages = Array.from({ length: 50 }, (_, i) => ({ id: `m${i}`, body: `body ${i}`, messageAttributes }));
  const sent = await producer.send(messages);
  assert.equal(sent.length, 50);
  assert.equal(await producer.queueSize(), 50);
  const bodies = [];
  const sizes = [];
  const consumer = startConsumer({
    queueUrl,
    batchSize: 10,
    messageAttributeNames: ['All'],
    handleMessageBatch: async (batch) => {
      sizes.push(batch.length);
      for (const message of batch) {
        assert.equal(message.MessageAttributes.colour.StringValue, 'grün');
        bodies.push(message.Body);
      }
      return batch;
    },
  });
  await waitFor('50 messages', () => bodies.length >= 50);
  await waitFor('an empty queue', () => isEmpty(queueUrl));
  await stop(consumer);
  assert.deepEqual(bodies.sort(), messages.map((message) => message.body).sort());
  assert.deepEqual(sizes, [10, 10, 10, 10, 10]);
  ok('50 messages in batches of ten, each once');
}

async function heartbeat() {
  const queueUrl = await createQueue('heartbeat');
  await Producer.create({ queueUrl, sqs }).send(['slow', 'slow-too']);
  let handled = 0;
  const consumer = startConsumer({
    queueUrl,
    batchSize: 10,
    visibilityTimeout: 2,
    heartbeatInterval: 1,
    handleMessageBatch: async (batch) => {
      handled += batch.length;
      await sleep(5000);
      return batch;
    },
  });
  await waitFor('the slow messages', () => handled > 0);
  const other = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 4 }));
  assert.equal(other.Messages, undefined, 'visible in spite of the heartbeat');
  await waitFor('an empty queue', () => isEmpty(queueUrl));
  await stop(consumer);
  assert.equal(handled, 2);
  ok('the heartbeat keeps a batch hidden for longer than its visibility timeout');
}

async function deadLetters() {
  const dead = await createQueue('dead');
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: (await attributes(dead)).QueueArn, maxReceiveCount: 3 });
  const queueUrl = await createQueue('failing', { RedrivePolicy });
  await Producer.create({ queueUrl, sqs }).send(['good', 'bad']);
  const seen = [];
  const failures = [];
  const consumer = startConsumer({
    queueUrl,
    messageSystemAttributeNames: ['ApproximateReceiveCount'],
    terminateVisibilityTimeout: true,
    handleMessage: async (message) => {
      seen.push(`${message.Body} ${message.Attributes.ApproximateReceiveCount}`);
      if (message.Body === 'bad') throw new Error('not today');
      return message;
    },
  });
  consumer.on('processing_error', (error) => failures.push(error.message));
  await waitFor('a dead letter', async () => !(await isEmpty(dead)));
  await waitFor('an empty queue', () => isEmpty(queueUrl));
  await stop(consumer);
  assert.deepEqual(seen.sort(), ['bad 1', 'bad 2', 'bad 3', 'good 1']);
  assert.equal(failures.length, 3);
  ok('a failing handler gets its message again, three times, then it is a dead letter');
}

async function drain() {
  const queueUrl = await createQueue('drain');
  await Producer.create({ queueUrl, sqs }).send(['last']);
  let began = false;
  let finished = false;
  const consumer = startConsumer({
    queueUrl,
    handleMessage: async (message) => {
      began = true;
      await sleep(1000);
      finished = true;
      return message;
    },
  });
  await waitFor('the handler', () => began);
  await stop(consumer);
  assert.ok(finished, 'stopped before the handler was done');
  assert.ok(await isEmpty(queueUrl), 'the message of the last handler is deleted');
  ok('stop lets the running handler finish and delete');
}

await batches();
await heartbeat();
await deadLetters();
await drain();
