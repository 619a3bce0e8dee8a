// list.mjs [cbor | query]: lists queues with the AWS SDK for JavaScript v3; prints `ok`, or code, status and text of the error that
// it threw.
import { createRequire } from "node:module";
const require = createRequire(`${process.cwd()}/package.json`);
const { ListQueuesCommand, SQSClient } = require("@aws-sdk/client-sqs");

const configuration = {
  cbor: () => ({ protocol: require("@aws-sdk/core/protocols").AwsSmithyRpcV2CborProtocol }),
  // The SDK of that time knows no AWS_ENDPOINT_URL.
  query: () => ({ endpoint: process.env.KEW_URL }),
}[process.argv[2]] ?? (() => ({}));

try {
  await new SQSClient(configuration()).send(new ListQueuesCommand({}));
  console.log("ok");
} catch (error) {
  const code = error.Error?.Code ?? error.Code ?? error.name;
  console.log(code, error.$metadata?.httpStatusCode, error.Error?.Message ?? error.message);
}
