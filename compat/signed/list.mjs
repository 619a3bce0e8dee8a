// Lists queues with the AWS SDK for JavaScript v3; prints `ok` or the code of the error that it threw.
import { createRequire } from "node:module";
const require = createRequire(`${process.cwd()}/package.json`);
const { ListQueuesCommand, SQSClient } = require("@aws-sdk/client-sqs");

try {
  await new SQSClient({}).send(new ListQueuesCommand({}));
  console.log("ok");
} catch (error) {
  console.log(error.Code ?? error.name);
}
