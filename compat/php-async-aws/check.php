<?php
// AsyncAws, a PHP client that is not Amazon's: its share of the core scenario (it has no tag and no set operations).

error_reporting(E_ALL & ~E_DEPRECATED);
require '/usr/share/php/AsyncAws/Sqs/autoload.php';

use AsyncAws\Core\Exception\Http\ClientException;
use AsyncAws\Sqs\Exception\InvalidMessageContentsException;
use AsyncAws\Sqs\Exception\QueueDoesNotExistException;
use AsyncAws\Sqs\Exception\ReceiptHandleIsInvalidException;
use AsyncAws\Sqs\SqsClient;

const NON_EXISTENT = 'AWS.SimpleQueueService.NonExistentQueue';
const BODY = "hello <world> & \"ünïcode\" \u{1f427} 日本語\r\n\tend";

function ok(string $what): void
{
    echo "ok: $what\n";
}

function equal($actual, $wanted, string $what): void
{
    if ($actual !== $wanted) {
        throw new Exception("$what: expected ".var_export($wanted, true).', got '.var_export($actual, true));
    }
}

function fails(string $class, string $code, callable $call): void
{
    try {
        $call();
    } catch (ClientException $error) {
        equal(get_class($error), $class, "class of $code");
        equal($error->getAwsCode(), $code, 'code');

        return;
    }
    throw new Exception("expected $class, but the call succeeded");
}

$url = getenv('KEW_URL');
$sqs = new SqsClient(['endpoint' => $url]);

$created = ['VisibilityTimeout' => '45', 'MessageRetentionPeriod' => '86400'];
$queue = $sqs->createQueue(['QueueName' => 'core', 'Attributes' => $created, 'tags' => ['team' => 'kew']])->getQueueUrl();
equal($queue, "$url/000000000000/core", 'QueueUrl');
equal($sqs->getQueueUrl(['QueueName' => 'core'])->getQueueUrl(), $queue, 'GetQueueUrl');
$exists = $sqs->queueExists(['QueueName' => 'core']);
$exists->wait();
equal($exists->isSuccess(), true, 'queueExists');
equal(iterator_to_array($sqs->listQueues(['QueueNamePrefix' => 'co'])->getQueueUrls()), [$queue], 'ListQueues');
ok('create, find, wait for and list queues');

$attributes = [
    'Text' => ['DataType' => 'String', 'StringValue' => 'välue <&>'],
    'Count' => ['DataType' => 'Number.int', 'StringValue' => '42'],
    'Bytes' => ['DataType' => 'Binary', 'BinaryValue' => "\x00\x01\xfe\xff"],
];
$trace = ['AWSTraceHeader' => ['DataType' => 'String', 'StringValue' => 'Root=1-5759e988-bd862e3fe1be46a994272793']];
$sent = $sqs->sendMessage([
    'QueueUrl' => $queue, 'MessageBody' => BODY, 'MessageAttributes' => $attributes, 'MessageSystemAttributes' => $trace,
]);
equal($sent->getMd5OfMessageBody(), md5(BODY), 'MD5OfMessageBody');
$receive = fn (array $more = []) => iterator_to_array($sqs->receiveMessage(['QueueUrl' => $queue] + $more)->getMessages());
[$message] = $receive(['WaitTimeSeconds' => 5, 'AttributeNames' => ['All'], 'MessageAttributeNames' => ['All']]);
equal($message->getMessageId(), $sent->getMessageId(), 'MessageId');
equal($message->getBody(), BODY, 'Body');
equal($message->getMd5OfBody(), md5(BODY), 'MD5OfBody');
equal($message->getMd5OfMessageAttributes(), $sent->getMd5OfMessageAttributes(), 'MD5OfMessageAttributes');
equal($message->getMessageAttributes()['Text']->getStringValue(), 'välue <&>', 'Text');
equal($message->getMessageAttributes()['Count']->getDataType(), 'Number.int', 'type of Count');
equal($message->getMessageAttributes()['Bytes']->getBinaryValue(), "\x00\x01\xfe\xff", 'Bytes');
equal($message->getAttributes()['AWSTraceHeader'], $trace['AWSTraceHeader']['StringValue'], 'AWSTraceHeader');
equal($message->getAttributes()['ApproximateReceiveCount'], '1', 'ApproximateReceiveCount');
ok('send and receive with attributes, a trace header and a Unicode body');

$handle = ['QueueUrl' => $queue, 'ReceiptHandle' => $message->getReceiptHandle()];
$sqs->changeMessageVisibility($handle + ['VisibilityTimeout' => 0])->resolve();
[$again] = $receive();
equal($again->getMessageId(), $message->getMessageId(), 'the message made visible');
$sqs->deleteMessage(['QueueUrl' => $queue, 'ReceiptHandle' => $again->getReceiptHandle()])->resolve();
ok('change visibility, delete');

$entries = array_map(fn ($i) => ['Id' => "m$i", 'MessageBody' => "body $i"], [0, 1, 2]);
$batch = $sqs->sendMessageBatch(['QueueUrl' => $queue, 'Entries' => $entries]);
equal([count($batch->getSuccessful()), count($batch->getFailed())], [3, 0], 'batch');
$messages = $receive(['MaxNumberOfMessages' => 10]);
equal(array_map(fn ($m) => $m->getBody(), $messages), ['body 0', 'body 1', 'body 2'], 'bodies');
$entries = array_map(fn ($m) => ['Id' => $m->getMessageId(), 'ReceiptHandle' => $m->getReceiptHandle()], $messages);
$entries[2]['ReceiptHandle'] = 'junk';
$late = array_map(fn ($entry) => $entry + ['VisibilityTimeout' => 60], $entries);
$changed = $sqs->changeMessageVisibilityBatch(['QueueUrl' => $queue, 'Entries' => $late]);
equal([count($changed->getSuccessful()), $changed->getFailed()[0]->getCode()], [2, 'ReceiptHandleIsInvalid'], 'changed');
$deleted = $sqs->deleteMessageBatch(['QueueUrl' => $queue, 'Entries' => $entries]);
equal([count($deleted->getSuccessful()), $deleted->getFailed()[0]->getCode()], [2, 'ReceiptHandleIsInvalid'], 'deleted');
$counters = $sqs->getQueueAttributes(['QueueUrl' => $queue, 'AttributeNames' => ['All']])->getAttributes();
equal($counters['ApproximateNumberOfMessagesNotVisible'], '1', 'messages in flight');
equal($counters['VisibilityTimeout'], '45', 'VisibilityTimeout');
ok('batches, each with one bad handle, and the counters');

$fifo = $sqs->createQueue(['QueueName' => 'core.fifo', 'Attributes' => ['FifoQueue' => 'true']])->getQueueUrl();
$one = ['QueueUrl' => $fifo, 'MessageBody' => 'one', 'MessageGroupId' => 'g', 'MessageDeduplicationId' => 'd'];
$first = $sqs->sendMessage($one);
equal(20, strlen($first->getSequenceNumber()), 'length of a sequence number');
equal($sqs->sendMessage($one)->getMessageId(), $first->getMessageId(), 'MessageId of a duplicate');
$head = iterator_to_array($sqs->receiveMessage(['QueueUrl' => $fifo, 'AttributeNames' => ['All']])->getMessages())[0];
equal($head->getAttributes()['MessageGroupId'], 'g', 'MessageGroupId');
ok('FIFO');

$started = microtime(true);
equal($receive(['WaitTimeSeconds' => 2]), [], 'an empty queue');
$waited = microtime(true) - $started;
equal($waited > 1.9 && $waited < 3.5, true, "2 s of long poll, which took $waited");
ok('an empty long poll returns after its wait');

$junk = ['QueueUrl' => $queue, 'ReceiptHandle' => 'junk'];
fails(QueueDoesNotExistException::class, NON_EXISTENT, fn () => $sqs->getQueueUrl(['QueueName' => 'missing'])->resolve());
fails(ReceiptHandleIsInvalidException::class, 'ReceiptHandleIsInvalid', fn () => $sqs->deleteMessage($junk)->resolve());
$bell = ['QueueUrl' => $queue, 'MessageBody' => "\x07"];
fails(InvalidMessageContentsException::class, 'InvalidMessageContents', fn () => $sqs->sendMessage($bell)->resolve());
ok('typed exceptions');

$sqs->purgeQueue(['QueueUrl' => $queue])->resolve();
$sqs->deleteQueue(['QueueUrl' => $queue])->resolve();
fails(QueueDoesNotExistException::class, NON_EXISTENT, fn () => $sqs->getQueueUrl(['QueueName' => 'core'])->resolve());
ok('purge, delete');
