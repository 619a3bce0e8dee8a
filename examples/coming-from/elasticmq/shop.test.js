// Against the server that is at port 9324, be it ElasticMQ or kew.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { GetQueueAttributesCommand, GetQueueUrlCommand, PurgeQueueCommand } from '@aws-sdk/client-sqs'
import { ORDERS, place, sqs, work } from './shop.js'

beforeEach(() => sqs.send(new PurgeQueueCommand({ QueueUrl: ORDERS })))

test('an order is worked through', async () => {
  await place('1001')
  const orders = []
  await work((order) => orders.push(order))
  assert.deepEqual(orders, ['1001'])
})

test('the queues of the configuration are there', async () => {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: ORDERS, AttributeNames: ['All'] }))
  assert.equal(Attributes.VisibilityTimeout, '45')
  assert.equal(Attributes.ReceiveMessageWaitTimeSeconds, '5')
  assert.match(JSON.parse(Attributes.RedrivePolicy).deadLetterTargetArn, /:orders-dead$/)
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'jobs.fifo' }))
  assert.match(QueueUrl, /\/000000000000\/jobs\.fifo$/)
})
