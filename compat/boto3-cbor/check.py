"""boto3 of today in Smithy RPC v2 CBOR: the script of the row in JSON, with a service model that names this protocol.

The model is botocore's own file; nothing but its list of protocols is changed. botocore would choose JSON of a list with both.
"""

import gzip
import json
import os
import runpy
import tempfile
from pathlib import Path

import boto3
import botocore
import botocore.session

MODEL = "sqs/2012-11-05/service-2.json"

with tempfile.TemporaryDirectory() as directory:
    with gzip.open(Path(botocore.__file__).parent / "data" / f"{MODEL}.gz") as file:
        model = json.load(file)
    model["metadata"]["protocols"] = ["smithy-rpc-v2-cbor"]
    path = Path(directory, MODEL)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(model))
    os.environ["AWS_DATA_PATH"] = directory

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
