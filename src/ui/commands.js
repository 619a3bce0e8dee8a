// The same by a program: what the console does as commands for a shell, and what points a program at this server.

import { credential, kewPath, queueUrl, space } from "./api.js";

/** Longer bodies are not put into a command line. */
const COMMAND_CHARACTERS_MAX = 8000;

/** A text as one word of a shell. @param {string} text */
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** @param {string} name */
const flag = (name) => `--${name.replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase()}`;

/** @param {any} value */
const short = (value) => (String(value).length > COMMAND_CHARACTERS_MAX ? "file://body.txt" : value);

/** An act as a command with curl. @param {import("./api.js").Act} act @returns {string} */
export function asCurl(act) {
  if (act.before?.length) return [...act.before, { ...act, before: [] }].map(asCurl).join("\n");
  if (!act.action) {
    const url = location.origin + kewPath(act.path ?? "", act.query);
    const method = (act.method ?? "GET") === "GET" ? "" : ` -X ${act.method}`;
    const body = act.body === undefined ? "" : ` -d ${quoted(JSON.stringify(act.body))}`;
    const token = sessionStorage.getItem("kew-control-token") ? ' -H "Authorization: Bearer $KEW_CONTROL_TOKEN"' : "";
    return `curl -f${method}${token} ${quoted(url)}${body}`;
  }
  const { key, region } = credential(act.place);
  const input = act.place ? { QueueUrl: queueUrl(act.place), ...act.input } : act.input;
  const json = JSON.stringify(input);
  const body = json.length > COMMAND_CHARACTERS_MAX ? "@request.json" : quoted(json);
  const signed = space.name
    ? ` \\\n  -H ${quoted(`Authorization: AWS4-HMAC-SHA256 Credential=${key}/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`)}`
    : "";
  return `curl -f ${location.origin}/ -H 'Content-Type: application/x-amz-json-1.0' \\\n  -H 'X-Amz-Target: AmazonSQS.${act.action}'${signed} \\\n  -d ${body}`;
}

/** An act as a command of the AWS command line, if SQS has it.
 * @param {import("./api.js").Act} act @returns {string | null} */
export function asAws(act) {
  if (act.before?.length) return [...act.before, { ...act, before: [] }].map(asAws).join("\n");
  if (!act.action) return null;
  const { key, region } = credential(act.place);
  const input = act.place ? { QueueUrl: queueUrl(act.place), ...act.input } : { ...act.input };
  const words = Object.entries(input).map(([name, value]) => {
    const list = Array.isArray(value) && value.every((item) => typeof item === "string");
    const text = list
      ? value.map(quoted).join(" ")
      : typeof value === "object"
        ? quoted(JSON.stringify(value))
        : quoted(String(short(value)));
    return `${flag(name)} ${text}`;
  });
  const env = `AWS_ACCESS_KEY_ID=${key} AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=${region}`;
  return `${env} \\\n  aws sqs ${flag(act.action).slice(2)} --endpoint-url ${location.origin} \\\n  ${words.join(" \\\n  ")}`;
}

/** What points a program at this server, and at the namespace. @returns {[string, string][]} */
export function environment() {
  const env = space.described?.env ?? {};
  const { key, region } = credential(null);
  return [
    ["AWS_ENDPOINT_URL", env.AWS_ENDPOINT_URL ?? location.origin],
    ["AWS_ACCESS_KEY_ID", key],
    ["AWS_SECRET_ACCESS_KEY", "test"],
    ["AWS_DEFAULT_REGION", region],
    ["AWS_REGION", region],
  ];
}

/** @returns {string} */
export const exports = () =>
  environment()
    .map(([name, value]) => `export ${name}=${quoted(value)}`)
    .join("\n");

/**
 * How to begin with a queue, by language.
 * @param {string} queue @returns {[string, string][]}
 */
export function snippets(queue) {
  const url = (environment().find(([name]) => name === "AWS_ENDPOINT_URL") ?? [])[1];
  const name = JSON.stringify(queue);
  return [
    [
      "Shell",
      `aws sqs send-message --queue-url "$(aws sqs get-queue-url --queue-name ${quoted(queue)} --output text)" \\
  --message-body hello`,
    ],
    [
      "Python",
      `import boto3                       # with the lines above, or as here

sqs = boto3.client("sqs", endpoint_url=${JSON.stringify(url)})
url = sqs.get_queue_url(QueueName=${name})["QueueUrl"]
sqs.send_message(QueueUrl=url, MessageBody="hello")
for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
    print(message["Body"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])`,
    ],
    [
      "JavaScript",
      `import { SQSClient, GetQueueUrlCommand, SendMessageCommand } from "@aws-sdk/client-sqs";

const sqs = new SQSClient({ endpoint: ${JSON.stringify(url)}, useQueueUrlAsEndpoint: false });
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: ${name} }));
await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "hello" }));`,
    ],
    [
      "Go",
      `cfg, err := config.LoadDefaultConfig(ctx)      // reads the lines of the shell
sqsClient := sqs.NewFromConfig(cfg)
url, err := sqsClient.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(${name})})
_, err = sqsClient.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: aws.String("hello")})`,
    ],
    [
      "Java",
      `SqsClient sqs = SqsClient.builder().endpointOverride(URI.create(${JSON.stringify(url)})).build();
String url = sqs.getQueueUrl(r -> r.queueName(${name})).queueUrl();
sqs.sendMessage(r -> r.queueUrl(url).messageBody("hello"));`,
    ],
    [
      "Rust",
      `let config = aws_config::load_from_env().await;   // reads the lines of the shell
let sqs = aws_sdk_sqs::Client::new(&config);
let url = sqs.get_queue_url().queue_name(${name}).send().await?;
sqs.send_message().set_queue_url(url.queue_url).message_body("hello").send().await?;`,
    ],
  ];
}
