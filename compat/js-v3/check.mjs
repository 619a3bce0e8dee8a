import * as sdk from '@aws-sdk/client-sqs';
import { core } from '../_node/core.mjs';
import { adapter } from '../_node/v3.mjs';
import { queueUrls } from './queue-urls.mjs';

await core(adapter(sdk, new sdk.SQSClient({})));
await queueUrls();
