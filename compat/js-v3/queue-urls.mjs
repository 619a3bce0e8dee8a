// Where does the SDK send a request? It depends on three things: whether the endpoint was given in code or by
// AWS_ENDPOINT_URL, the option useQueueUrlAsEndpoint, and the host in the QueueUrl. Twelve combinations; those that
// leave for the QueueUrl's own host cannot reach kew, and are expected to fail.

import assert from 'node:assert/strict';
import { CreateQueueCommand, PurgeQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { ACCOUNT, KEW_URL, ok } from '../_node/core.mjs';

const FOREIGN = 'https://sqs.us-east-1.amazonaws.com/2233334/addressed';
const LOCAL = `${KEW_URL}/${ACCOUNT}/addressed`;

/** The host that a client asks, and the body that comes back when it is kew. */
async function roundTrip(options, QueueUrl) {
  const client = new SQSClient({ ...options });
  let host;
  const middleware = (next) => (args) => {
    host = args.request.hostname;
    // Nothing leaves this machine: the host is all that we want to know.
    if (host !== new URL(KEW_URL).hostname) throw new Error(`would go to ${host}`);
    return next(args);
  };
  client.middlewareStack.add(middleware, { step: 'finalizeRequest', priority: 'low' });
  try {
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'where to?' }));
    const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 1 }));
    return { host, body: Messages[0].Body };
  } catch (error) {
    return { host, error };
  }
}

export async function queueUrls() {
  const kew = new SQSClient({ endpoint: KEW_URL });
  await kew.send(new CreateQueueCommand({ QueueName: 'addressed' }));
  for (const inCode of [true, false]) {
    if (inCode) delete process.env.AWS_ENDPOINT_URL;
    else process.env.AWS_ENDPOINT_URL = KEW_URL;
    delete process.env.AWS_ENDPOINT_URL_SQS;
    for (const useQueueUrlAsEndpoint of [true, false, undefined]) {
      for (const QueueUrl of [LOCAL, FOREIGN]) {
        const options = {};
        if (inCode) options.endpoint = KEW_URL;
        if (useQueueUrlAsEndpoint !== undefined) options.useQueueUrlAsEndpoint = useQueueUrlAsEndpoint;
        const { host, body, error } = await roundTrip(options, QueueUrl);
        const what = [
          `endpoint ${inCode ? 'in code' : 'by AWS_ENDPOINT_URL'}`,
          `useQueueUrlAsEndpoint ${useQueueUrlAsEndpoint ?? 'left out'}`,
          `QueueUrl ${QueueUrl === LOCAL ? 'local' : 'foreign'}`,
        ].join(', ');
        const leaves = QueueUrl === FOREIGN && !inCode && useQueueUrlAsEndpoint !== false;
        if (leaves) {
          assert.equal(host, new URL(FOREIGN).hostname, what);
          assert.match(error.message, /^would go to/, what);
          ok(`${what}: as expected it leaves for ${host}`);
        } else {
          assert.equal(error, undefined, `${what}: ${error}`);
          assert.equal(body, 'where to?', what);
          ok(`${what}: reaches kew`);
        }
      }
    }
  }
  await kew.send(new PurgeQueueCommand({ QueueUrl: LOCAL }));
}
