// A consumer whose handler fails on every message.

import { SQSClient } from '@aws-sdk/client-sqs';
import { Consumer } from 'sqs-consumer';

const consumer = Consumer.create({
  sqs: new SQSClient({}),
  queueUrl: process.env.KEW_QUEUE_URL,
  waitTimeSeconds: 10,
  handleMessage: async () => {
    throw new Error('the processing of the order fails');
  },
});
consumer.on('error', () => {});
consumer.on('processing_error', () => {});
consumer.start();
