import assert from 'node:assert/strict';
import * as sdk from '@aws-sdk/client-sqs';
import { AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols';
import { core } from '../_node/core.mjs';
import { adapter } from '../_node/v3.mjs';

const client = new sdk.SQSClient({ protocol: AwsSmithyRpcV2CborProtocol });
let count = 0;
client.middlewareStack.add(
  (next) => async (args) => {
    count += 1;
    assert.match(args.request.path, /^\/service\/AmazonSQS\/operation\//);
    assert.equal(args.request.headers['smithy-protocol'], 'rpc-v2-cbor');
    return next(args);
  },
  { step: 'finalizeRequest', priority: 'low' },
);
await core(adapter(sdk, client));
assert.ok(count > 20, `only ${count} requests`);
