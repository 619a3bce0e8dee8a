"""list.py [cbor]: lists queues with boto3; prints `ok`, or code, status and text of the error that it raised."""

import os
import sys
import tempfile

import boto3
from botocore.exceptions import ClientError

with tempfile.TemporaryDirectory() as directory:
    if sys.argv[1:] == ["cbor"]:
        sys.path.insert(0, os.getcwd())
        from cbor import speak_cbor

        speak_cbor(directory)
    try:
        boto3.client("sqs", endpoint_url=os.environ["KEW_URL"]).list_queues()
        print("ok")
    except ClientError as error:
        told = error.response["Error"]
        print(told["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"], told["Message"])
