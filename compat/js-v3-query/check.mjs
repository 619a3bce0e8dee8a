import assert from 'node:assert/strict';
import * as sdk from '@aws-sdk/client-sqs';
import { core, KEW_URL, ok } from '../_node/core.mjs';
import { adapter } from '../_node/v3.mjs';

const client = new sdk.SQSClient({ endpoint: KEW_URL });
await core(adapter(sdk, client, true));

await assert.rejects(client.send(new sdk.GetQueueUrlCommand({ QueueName: 'missing' })), sdk.QueueDoesNotExist);
ok('GetQueueUrl, which knows the class of its error, throws it');
