"""Lists queues with boto3; prints `ok` or the code of the error that it raised."""

import boto3
from botocore.exceptions import ClientError
import os

try:
    boto3.client("sqs", endpoint_url=os.environ["KEW_URL"]).list_queues()
    print("ok")
except ClientError as error:
    print(error.response["Error"]["Code"])
