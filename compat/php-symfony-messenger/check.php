<?php
// Symfony Messenger with its Amazon SQS transport: a bus, a worker, delays, retries, FIFO.

error_reporting(E_ALL & ~E_DEPRECATED);
require '/usr/share/php/Symfony/Component/Messenger/Bridge/AmazonSqs/autoload.php';
require '/usr/share/php/Symfony/Component/EventDispatcher/autoload.php';

use Symfony\Component\EventDispatcher\EventDispatcher;
use Symfony\Component\Messenger\Bridge\AmazonSqs\Transport\AmazonSqsFifoStamp;
use Symfony\Component\Messenger\Bridge\AmazonSqs\Transport\AmazonSqsTransport;
use Symfony\Component\Messenger\Bridge\AmazonSqs\Transport\AmazonSqsTransportFactory;
use Symfony\Component\Messenger\EventListener\SendFailedMessageForRetryListener;
use Symfony\Component\Messenger\EventListener\StopWorkerOnMessageLimitListener;
use Symfony\Component\Messenger\EventListener\StopWorkerOnTimeLimitListener;
use Symfony\Component\Messenger\Handler\HandlersLocator;
use Symfony\Component\Messenger\MessageBus;
use Symfony\Component\Messenger\Middleware\HandleMessageMiddleware;
use Symfony\Component\Messenger\Middleware\SendMessageMiddleware;
use Symfony\Component\Messenger\Retry\MultiplierRetryStrategy;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Transport\Sender\SendersLocatorInterface;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;
use Symfony\Component\Messenger\Worker;

final class Note
{
    public function __construct(public string $text)
    {
    }
}

/** A container with one thing in it, whatever the name. */
final class One implements Psr\Container\ContainerInterface
{
    public function __construct(private object $thing)
    {
    }

    public function get(string $id)
    {
        return $this->thing;
    }

    public function has(string $id): bool
    {
        return true;
    }
}

/** Sends every message to one transport. */
final class To implements SendersLocatorInterface
{
    public function __construct(private AmazonSqsTransport $transport)
    {
    }

    public function getSenders(Envelope $envelope): iterable
    {
        yield 'sqs' => $this->transport;
    }
}

function ok(string $what): void
{
    echo "ok: $what\n";
}

function check(bool $holds, string $what): void
{
    if (!$holds) {
        throw new Exception("not so: $what");
    }
}

function transport(string $queue): AmazonSqsTransport
{
    $dsn = str_replace('http://', 'sqs://test:test@', getenv('KEW_URL'))."/$queue";
    $options = ['sslmode' => 'disable', 'wait_time' => 2, 'visibility_timeout' => 20, 'region' => 'us-east-1'];

    return (new AmazonSqsTransportFactory())->createTransport($dsn.'?'.http_build_query($options), [], new PhpSerializer());
}

/** The bus, and a function that lets a worker handle this many messages. */
function application(AmazonSqsTransport $transport, callable $handler): array
{
    $bus = new MessageBus([
        new SendMessageMiddleware(new To($transport)),
        new HandleMessageMiddleware(new HandlersLocator([Note::class => [$handler]])),
    ]);
    $work = function (int $messages) use ($transport, $bus): void {
        $dispatcher = new EventDispatcher();
        $retry = new MultiplierRetryStrategy(2, 1000);
        $dispatcher->addSubscriber(new SendFailedMessageForRetryListener(new One($transport), new One($retry)));
        $dispatcher->addSubscriber(new StopWorkerOnMessageLimitListener($messages));
        $dispatcher->addSubscriber(new StopWorkerOnTimeLimitListener(20));
        (new Worker(['sqs' => $transport], $bus, $dispatcher))->run(['sleep' => 50000]);
    };

    return [$bus, $work];
}

$notes = [];
$failures = 0;
$transport = transport('messages');
[$bus, $work] = application($transport, function (Note $note) use (&$notes, &$failures): void {
    if ('fails once' === $note->text && 0 === $failures++) {
        throw new Exception('the first time');
    }
    $notes[] = $note->text;
});

$texts = array_map(fn ($i) => "note $i: ü", range(0, 11));
foreach ($texts as $text) {
    $bus->dispatch(new Note($text));
}
check(12 === $transport->getMessageCount(), 'twelve messages wait');
$work(12);
check($notes === $texts, 'twelve messages are handled: '.json_encode($notes));
check(0 === $transport->getMessageCount(), 'none is left');
ok('the queue is made on demand; twelve messages through the bus and back');

$notes = [];
$started = microtime(true);
$bus->dispatch(new Note('late'), [new DelayStamp(2000)]);
$work(1);
$waited = microtime(true) - $started;
check(['late'] === $notes && $waited > 1.9 && $waited < 6, "delayed by two seconds: $waited");
ok('a delayed message');

$notes = [];
$bus->dispatch(new Note('fails once'));
$work(2);
check(['fails once'] === $notes && 2 === $failures, 'tried again: '.json_encode($notes));
ok('a failing handler, and the retry');

$notes = [];
$fifo = transport('messages.fifo');
[$bus, $work] = application($fifo, function (Note $note) use (&$notes): void {
    $notes[] = $note->text;
});
foreach (['a1', 'a2', 'b1'] as $text) {
    $bus->dispatch(new Note($text), [new AmazonSqsFifoStamp($text[0], $text)]);
    $bus->dispatch(new Note($text), [new AmazonSqsFifoStamp($text[0], $text)]);
}
$work(3);
check($notes === ['a1', 'a2', 'b1'], 'in order, without duplicates: '.json_encode($notes));
ok('FIFO groups and deduplication');
