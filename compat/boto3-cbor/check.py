"""boto3 of today in Smithy RPC v2 CBOR: the script of the row in JSON, with the service model of `cbor.py`."""

import runpy
import tempfile
from pathlib import Path

import boto3
import botocore.session
from cbor import speak_cbor

with tempfile.TemporaryDirectory() as directory:
    speak_cbor(directory)
    requests = []
    session = botocore.session.Session()
    session.register("before-send.sqs", lambda request, **_: requests.append(request))
    boto3.setup_default_session(botocore_session=session)
    runpy.run_path(str(Path(__file__).parent.parent / "boto3" / "check.py"), run_name="__main__")

assert len(requests) > 100, len(requests)
for request in requests:
    assert "/service/AmazonSQS/operation/" in request.url, request.url
    assert request.headers["smithy-protocol"] in ("rpc-v2-cbor", b"rpc-v2-cbor"), request.headers
print(f"ok: all of {len(requests)} requests in Smithy RPC v2 CBOR")
