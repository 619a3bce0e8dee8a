# Amazon::SQS::Simple: form bodies with an X-Amz-Target beside them, a Host header without the port, credentials scoped
# to s3, and requests to the queue's path.

use strict;
use warnings;
use utf8;
use Amazon::SQS::Simple;
use Digest::MD5 qw(md5_hex);
use Encode qw(encode);
use Time::HiRes qw(time);

binmode STDOUT, ':utf8';
$| = 1;

my $body = "hello <world> & \"ünïcode\" \x{1f427} 日本語 a+b";

sub ok { print "ok: $_[0]\n" }

sub equal {
    my ($actual, $wanted, $what) = @_;
    die "$what: expected '$wanted', got '$actual'\n" unless $actual eq $wanted;
}

sub fails {
    my ($code, $call) = @_;
    eval { $call->(); 1 } and die "expected $code, but the call succeeded\n";
    die "expected $code, got: $@" unless $@ =~ m{<Code>\Q$code\E</Code>};
}

my $sqs = Amazon::SQS::Simple->new(
    AWSAccessKeyId => 'test',
    SecretKey      => 'test',
    Endpoint       => $ENV{KEW_URL},
    Timeout        => 30,
);

my $queue = $sqs->CreateQueue('core');
equal $queue->Endpoint, "$ENV{KEW_URL}/000000000000/core", 'URL';
equal join(' ', map { $_->Endpoint } @{ $sqs->ListQueues(QueueNamePrefix => 'co') }), $queue->Endpoint, 'ListQueues';
ok 'create and list queues';

$queue->SetAttribute(VisibilityTimeout => 45);
my $attributes = $queue->GetAttributes;
equal $attributes->{VisibilityTimeout}, '45', 'VisibilityTimeout';
equal $attributes->{QueueArn}, 'arn:aws:sqs:us-east-1:000000000000:core', 'QueueArn';
ok 'set and get attributes';

my $sent = $queue->SendMessage($body);
equal $sent->MD5OfMessageBody, md5_hex(encode('UTF-8', $body)), 'digest';
my $message = $queue->ReceiveMessage('AttributeName.1' => 'All', WaitTimeSeconds => 5);
equal $message->MessageBody, $body, 'body';
equal $message->MessageId, $sent->MessageId, 'MessageId';
$queue->ChangeMessageVisibility($message->ReceiptHandle, 0);
my $again = $queue->ReceiveMessage;
equal $again->MessageId, $message->MessageId, 'the message made visible';
$queue->DeleteMessage($again);
ok 'send, receive, change visibility, delete';

my @responses = $queue->SendMessageBatch({ a => 'body a', b => 'body b', c => 'body c' });
equal scalar(@responses), 3, 'batch';
my @messages = $queue->ReceiveMessageBatch;
equal join(' ', sort map { $_->MessageBody } @messages), 'body a body b body c', 'bodies';
$queue->DeleteMessageBatch(\@messages);
equal $queue->GetAttributes->{ApproximateNumberOfMessagesNotVisible}, 0, 'messages in flight';
ok 'batches';

my $started = time;
equal scalar(() = $queue->ReceiveMessage(WaitTimeSeconds => 2)), 0, 'an empty queue';
my $waited = time - $started;
die "the empty long poll of 2 s took $waited s\n" if $waited < 1.9 or $waited > 3.5;
ok 'an empty long poll returns after its wait';

fails 'ReceiptHandleIsInvalid', sub { $queue->DeleteMessage('junk') };
$queue->Purge;
$queue->Delete;
fails 'AWS.SimpleQueueService.NonExistentQueue', sub { $queue->GetAttributes };
ok 'purge, delete, errors';
