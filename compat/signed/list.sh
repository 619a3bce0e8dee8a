# list.sh AWS: lists queues with the AWS CLI; prints `ok` or the code of the error that it told.
if told=$("$1" sqs list-queues --endpoint-url "$KEW_URL" 2>&1); then
    echo ok
else
    echo "$told" | sed -n 's/.*An error occurred (\([A-Za-z.]*\)).*/\1/p'
fi
