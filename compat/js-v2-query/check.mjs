import AWS from 'aws-sdk';
import { core, KEW_URL } from '../_node/core.mjs';
import { adapter } from '../_node/v2.mjs';

await core(adapter(new AWS.SQS({ endpoint: KEW_URL }), true));
