// A Nest application with a producer and two consumers by @ssut/nestjs-sqs. Decorators are applied by hand, so that no
// TypeScript compiler is needed.

import 'reflect-metadata';
import assert from 'node:assert/strict';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import nestCommon from '@nestjs/common';
import nestCore from '@nestjs/core';
import nestSqs from '@ssut/nestjs-sqs';
import { ok, sleep } from '../_node/core.mjs';

const { Injectable, Module } = nestCommon;
const { NestFactory } = nestCore;
const { SqsConsumerEventHandler, SqsMessageHandler, SqsModule, SqsService } = nestSqs;

const sqs = new SQSClient({});
const create = async (QueueName, Attributes) =>
  (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl;
const single = await create('nest-single', { VisibilityTimeout: '1' });
const fifo = await create('nest-batch.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' });

const orders = [];
const steps = [];
const failures = [];

class Handlers {
  async onOrder(message) {
    const order = JSON.parse(message.Body);
    orders.push(order.number);
    if (order.number === 2 && orders.filter((number) => number === 2).length === 1) throw new Error('first time');
  }

  onFailure(error) {
    failures.push(error.message);
  }

  async onSteps(messages) {
    steps.push(...messages.map((message) => message.Body));
    return messages;
  }
}

function decorate(name, decorator) {
  decorator(Handlers.prototype, name, Object.getOwnPropertyDescriptor(Handlers.prototype, name));
}
decorate('onOrder', SqsMessageHandler('orders', false));
decorate('onFailure', SqsConsumerEventHandler('orders', 'processing_error'));
decorate('onSteps', SqsMessageHandler('steps', true));
Injectable()(Handlers);

class App {}
Module({
  imports: [
    SqsModule.register({
      consumers: [
        { name: 'orders', queueUrl: single, waitTimeSeconds: 2, sqs },
        { name: 'steps', queueUrl: fifo, waitTimeSeconds: 2, batchSize: 10, suppressFifoWarning: true, sqs },
      ],
      producers: [
        { name: 'orders', queueUrl: single, sqs },
        { name: 'steps', queueUrl: fifo, sqs },
      ],
    }),
  ],
  providers: [Handlers],
})(App);

async function waitFor(what, done) {
  const deadline = Date.now() + 20_000;
  while (!(await done())) {
    assert.ok(Date.now() < deadline, `not within 20 s: ${what}; orders ${orders}, steps ${steps}`);
    await sleep(50);
  }
}

const app = await NestFactory.createApplicationContext(App, { logger: ['warn', 'error'] });
const service = app.get(SqsService);

await service.send('orders', [1, 2, 3].map((number) => ({ id: `${number}`, body: { number } })));
await waitFor('orders', () => orders.length >= 4);
assert.deepEqual(orders.slice().sort(), [1, 2, 2, 3]);
assert.equal(failures.length, 1);
ok('a message handler, its failure event, and the redelivery');

const groupId = 'one';
const words = ['alpha', 'beta', 'gamma', 'delta'];
await service.send('steps', words.map((body, i) => ({ id: `${i}`, body, groupId, deduplicationId: `d${i}` })));
await waitFor('steps', () => steps.length >= words.length);
assert.deepEqual(steps, words);
ok('a batch handler on a FIFO queue, in order');

for (const name of ['orders', 'steps']) {
  await waitFor(`${name} is empty`, async () => {
    const found = await service.getQueueAttributes(name);
    return found.ApproximateNumberOfMessages === '0' && found.ApproximateNumberOfMessagesNotVisible === '0';
  });
}
await service.purgeQueue('orders');
ok('queue attributes and purge through the service');

await app.close();
ok('the application closes');
