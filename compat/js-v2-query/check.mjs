import AWS from 'aws-sdk';
import { core, KEW_URL } from '../_js/core.mjs';
import { adapter } from '../_js/v2.mjs';

await core(adapter(new AWS.SQS({ endpoint: KEW_URL }), true));
