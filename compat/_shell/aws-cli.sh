# The core scenario with the AWS command line.
#   AWS           the command
#   SERVICE_ERROR its exit code when the service answers with an error
#   BINARY        how it wants the bytes `raw bytes`: v1 as they are, v2 in base64; it answers in base64
#   MISSING       the service's sentence about a missing queue
set -eu
export AWS_PAGER= AWS_DEFAULT_OUTPUT=text
name=core-$$
body='hello <world> & "ünïcode" 🐧 日本語'

ok() { echo "ok: $1"; }
sqs() { $AWS sqs "$@"; }

# equal ACTUAL WANTED WHAT
equal() {
    if [ "$1" != "$2" ]; then
        printf '%s: expected\n%s\nbut got\n%s\n' "$3" "$2" "$1"
        exit 1
    fi
}

# fails SENTENCE OPERATION...: the command must end with SERVICE_ERROR and say SENTENCE
fails() {
    sentence=$1
    shift
    code=0
    said=$(sqs "$@" 2>&1) || code=$?
    equal "$code" "$SERVICE_ERROR" "exit code of $1"
    case $said in
        *"$sentence"*) ;;
        *) equal "$said" "$sentence" "what $1 says" ;;
    esac
}

counters() {
    sqs get-queue-attributes --queue-url "$url" --attribute-names All --query \
        'Attributes.[ApproximateNumberOfMessages,ApproximateNumberOfMessagesNotVisible,ApproximateNumberOfMessagesDelayed]'
}

url=$(sqs create-queue --queue-name $name --attributes VisibilityTimeout=45,DelaySeconds=0 --tags team=kew,purpose=compat --query QueueUrl)
equal "$url" "$KEW_URL/000000000000/$name" 'URL of the new queue'
equal "$(sqs get-queue-url --queue-name $name)" "$url" get-queue-url
equal "$(sqs list-queues --queue-name-prefix $name --query QueueUrls)" "$url" list-queues
ok 'create, get-queue-url, list-queues'

equal "$(sqs list-queue-tags --queue-url "$url" --query 'Tags.[purpose,team]')" 'compat	kew' tags
sqs tag-queue --queue-url "$url" --tags team=everybody
sqs untag-queue --queue-url "$url" --tag-keys purpose
equal "$(sqs list-queue-tags --queue-url "$url" --output json --query Tags)" '{
    "team": "everybody"
}' 'changed tags'
ok tags

sqs set-queue-attributes --queue-url "$url" --attributes VisibilityTimeout=60
equal "$(sqs get-queue-attributes --queue-url "$url" --attribute-names All --query 'Attributes.[VisibilityTimeout,DelaySeconds,QueueArn]')" \
    "60	0	arn:aws:sqs:us-east-1:000000000000:$name" attributes
ok 'set-queue-attributes, get-queue-attributes, --query'

attributes='{"Text":{"DataType":"String","StringValue":"välue"},"Count":{"DataType":"Number.int","StringValue":"42"},"Bytes":{"DataType":"Binary","BinaryValue":"'"$BINARY"'"}}'
sent=$(sqs send-message --queue-url "$url" --message-body "$body" --message-attributes "$attributes" --query '[MessageId,MD5OfMessageBody]')
equal "${sent#*	}" "$(printf %s "$body" | md5sum | cut -d' ' -f1)" MD5OfMessageBody
received=$(sqs receive-message --queue-url "$url" --wait-time-seconds 5 --attribute-names All --message-attribute-names All \
    --query 'Messages[0].[MessageId,Body,MessageAttributes.Text.StringValue,MessageAttributes.Count.DataType,MessageAttributes.Bytes.BinaryValue,Attributes.ApproximateReceiveCount,ReceiptHandle]')
equal "${received%	*}" "${sent%	*}	$body	välue	Number.int	cmF3IGJ5dGVz	1" 'the message received'
handle=${received##*	}
ok 'send-message and receive-message with attributes'

sqs change-message-visibility --queue-url "$url" --receipt-handle "$handle" --visibility-timeout 0
handle=$(sqs receive-message --queue-url "$url" --query 'Messages[0].ReceiptHandle')
equal "$(counters)" '0	1	0' 'visible, in flight, delayed'
sqs delete-message --queue-url "$url" --receipt-handle "$handle"
equal "$(counters)" '0	0	0' 'visible, in flight, delayed'
ok 'change-message-visibility, delete-message'

equal "$(sqs send-message-batch --queue-url "$url" --query 'Successful[].Id' --entries Id=a,MessageBody=one Id=b,MessageBody=two Id=c,MessageBody=three,DelaySeconds=900)" \
    'a	b	c' 'sent as a batch'
equal "$(counters)" '2	0	1' 'visible, in flight, delayed'
received=$(sqs receive-message --queue-url "$url" --max-number-of-messages 10 --query 'Messages[].ReceiptHandle')
first=${received%	*} second=${received#*	}
equal "$(sqs change-message-visibility-batch --queue-url "$url" --query '[Successful[].Id,Failed[].[Id,Code]]' --output json \
    --entries Id=a,ReceiptHandle="$first",VisibilityTimeout=90 Id=b,ReceiptHandle=junk,VisibilityTimeout=90 | tr -d ' \n')" \
    '[["a"],[["b","ReceiptHandleIsInvalid"]]]' 'a batch of visibilities with one bad handle'
equal "$(sqs delete-message-batch --queue-url "$url" --query 'Successful[].Id' --entries Id=a,ReceiptHandle="$first" Id=b,ReceiptHandle="$second")" \
    'a	b' 'deleted as a batch'
equal "$(counters)" '0	0	1' 'visible, in flight, delayed'
ok 'batches'

fifo=$(sqs create-queue --queue-name $name.fifo --attributes FifoQueue=true --query QueueUrl)
number=$(sqs send-message --queue-url "$fifo" --message-body one --message-group-id g --message-deduplication-id d --query SequenceNumber)
equal "$(sqs receive-message --queue-url "$fifo" --attribute-names All --query 'Messages[].Attributes.[MessageGroupId,MessageDeduplicationId,SequenceNumber]')" \
    "g	d	$number" 'the FIFO message'
sqs delete-queue --queue-url "$fifo"
ok 'a FIFO queue'

started=$(date +%s%N)
equal "$(sqs receive-message --queue-url "$url" --wait-time-seconds 3 --query 'Messages[].Body' --output json)" null 'an empty queue'
waited=$((($(date +%s%N) - started) / 1000000))
[ $waited -ge 3000 ] && [ $waited -le 7000 ] || equal "$waited ms" '3000 ms and the start of the program' 'the empty long poll'
ok 'an empty long poll returns after its wait'

sqs send-message --queue-url "https://sqs.us-east-1.amazonaws.com/2233334/$name" --message-body 'to a foreign URL' >/dev/null
equal "$(sqs receive-message --queue-url "https://sqs.us-east-1.amazonaws.com/2233334/$name" --query 'Messages[].Body')" 'to a foreign URL' 'body'
ok "a QueueUrl with AWS's host"

fails "An error occurred (AWS.SimpleQueueService.NonExistentQueue) when calling the GetQueueUrl operation: $MISSING" \
    get-queue-url --queue-name missing
fails 'An error occurred (ReceiptHandleIsInvalid) when calling the DeleteMessage operation: The input receipt handle "junk" is not a valid receipt handle.' \
    delete-message --queue-url "$url" --receipt-handle junk
fails 'An error occurred (QueueAlreadyExists) when calling the CreateQueue operation' \
    create-queue --queue-name $name --attributes VisibilityTimeout=1
ok "errors: exit code $SERVICE_ERROR, code and sentence"

sqs purge-queue --queue-url "$url"
equal "$(counters)" '0	0	0' 'counters after the purge'
sqs delete-queue --queue-url "$url"
fails 'AWS.SimpleQueueService.NonExistentQueue' get-queue-attributes --queue-url "$url" --attribute-names All
ok 'purge-queue, delete-queue'
