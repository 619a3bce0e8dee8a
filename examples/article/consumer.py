"""Takes the orders that wait on the OrderQueue, at most ten, and deletes each one when it is done."""

import boto3
import json

sqs = boto3.client('sqs')

queue_url = 'https://sqs.us-east-1.amazonaws.com/2233334/OrderQueue'

response = sqs.receive_message(
    QueueUrl=queue_url,
    MaxNumberOfMessages=10,
    WaitTimeSeconds=10,
)

for message in response.get('Messages', []):
    order = json.loads(message['Body'])
    print(f"Order {order['order_id']} for {order['customer']}: {order['total']:.2f} in total")
    for item in order['items']:
        print(f"  {item['quantity']} x {item['product']}")

    sqs.delete_message(
        QueueUrl=queue_url,
        ReceiptHandle=message['ReceiptHandle'],
    )
