# list.sh AWS: lists queues with the AWS CLI; prints `ok`, or code and text of the error that it told, which says no status.
if told=$("$1" sqs list-queues --endpoint-url "$KEW_URL" 2>&1); then
    echo ok
else
    echo "$told" | sed -n 's/.*An error occurred (\([A-Za-z.]*\)) when calling the [A-Za-z]* operation[^:]*: /\1 - /p'
fi
