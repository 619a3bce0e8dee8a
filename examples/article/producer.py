"""Puts one order on the OrderQueue."""

import boto3
import json

sqs = boto3.client('sqs')

queue_url = 'https://sqs.us-east-1.amazonaws.com/2233334/OrderQueue'

order = {
    'order_id': '1001',
    'customer': 'Zoë Müller',
    'items': [
        {'product': 'Espresso machine', 'quantity': 1, 'price': 249.00},
        {'product': 'Coffee beans, 1 kg', 'quantity': 3, 'price': 18.50},
    ],
    'total': 304.50,
}

response = sqs.send_message(
    QueueUrl=queue_url,
    MessageBody=json.dumps(order),
)

print(f"Order {order['order_id']} sent, message id {response['MessageId']}")
