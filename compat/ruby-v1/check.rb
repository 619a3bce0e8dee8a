# The Ruby SDK v1: Query to the queue's path, a Host header without the port.

require 'aws-sdk-v1'
require 'uri'

BODY = "hello <world> & \"ünïcode\" \u{1f427} 日本語\r\n\tend"

def ok(what)
  puts "ok: #{what}"
  $stdout.flush
end

def equal(actual, wanted, what)
  raise "#{what}: expected #{wanted.inspect}, got #{actual.inspect}" unless actual == wanted
end

def fails(error)
  yield
rescue error => e
  e
else
  raise "expected #{error}, but the call succeeded"
end

kew = URI(ENV.fetch('KEW_URL'))
sqs = AWS::SQS.new(sqs_endpoint: kew.host, sqs_port: kew.port, use_ssl: false, region: 'us-east-1')

queue = sqs.queues.create('core', visibility_timeout: 45)
equal queue.url, "#{kew}/000000000000/core", 'URL'
equal sqs.queues.named('core').url, queue.url, 'named'
equal sqs.queues.with_prefix('co').map(&:url), [queue.url], 'with_prefix'
equal queue.exists?, true, 'exists?'
ok 'create, find and list queues'

queue.maximum_message_size = 2048
equal queue.maximum_message_size, 2048, 'maximum_message_size'
equal queue.visibility_timeout, 45, 'visibility_timeout'
equal queue.arn, 'arn:aws:sqs:us-east-1:000000000000:core', 'arn'
equal (Time.now - queue.created_timestamp).abs < 60, true, 'created_timestamp'
ok 'set and get attributes'

attributes = {
  'Text' => { data_type: 'String', string_value: 'välue <&>' },
  'Bytes' => { data_type: 'Binary', binary_value: "\x00\x01\xfe\xff".b }
}
sent = queue.send_message(BODY, message_attributes: attributes)
message = queue.receive_message(wait_time_seconds: 5, attributes: [:all], message_attribute_names: ['All'])
equal message.body, BODY, 'body'
equal message.id, sent.message_id, 'id'
equal message.approximate_receive_count, 1, 'receive count'
equal message.message_attributes['Text'][:string_value], 'välue <&>', 'Text'
equal message.message_attributes['Bytes'][:binary_value].b, "\x00\x01\xfe\xff".b, 'Bytes'
ok 'send and receive with attributes and a Unicode body; the SDK checks the digests'

message.visibility_timeout = 0
again = queue.receive_message
equal again.id, message.id, 'the message made visible'
again.delete
ok 'change visibility, delete'

entries = [{ message_body: 'one' }, { message_body: 'two' }, { message_body: 'three', delay_seconds: 900 }]
equal queue.batch_send(entries).length, 3, 'batch_send'
equal queue.approximate_number_of_messages, 2, 'messages'
equal queue.approximate_number_of_messages_delayed, 1, 'delayed messages'
messages = queue.receive_messages(limit: 10)
equal messages.map(&:body), %w[one two], 'bodies'
queue.batch_change_visibility(60, messages)
queue.batch_delete(messages)
equal queue.approximate_number_of_messages_not_visible, 0, 'messages in flight'
queue.send_message('polled')
polled = []
queue.poll(idle_timeout: 2, wait_time_seconds: 2) { |m| polled << m.body }
equal polled, ['polled'], 'poll'
ok 'batches, poll'

bad = fails(AWS::SQS::Errors::BatchDeleteError) { queue.batch_delete('junk') }
equal bad.failures.map { |entry| entry[:error_code] }, ['ReceiptHandleIsInvalid'], 'failed entries'
fails(AWS::SQS::Errors::NonExistentQueue) { sqs.queues.named('missing') }
invalid = fails(AWS::SQS::Errors::ReceiptHandleIsInvalid) do
  sqs.client.delete_message(queue_url: queue.url, receipt_handle: 'junk')
end
equal invalid.http_response.status, 404, 'HTTP status'
ok 'typed errors'

queue.delete
equal queue.exists?, false, 'exists?'
ok 'delete'
