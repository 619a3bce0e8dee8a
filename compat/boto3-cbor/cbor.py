"""Has boto3 speak Smithy RPC v2 CBOR, by a service model that names this protocol.

The model is botocore's own file; nothing but its list of protocols is changed. botocore would choose JSON of a list with both.
"""

import gzip
import json
import os
from pathlib import Path

import botocore

MODEL = "sqs/2012-11-05/service-2.json"


def speak_cbor(directory):
    """Writes the model into a directory, and leads sessions that are made from now on to it."""
    with gzip.open(Path(botocore.__file__).parent / "data" / f"{MODEL}.gz") as file:
        model = json.load(file)
    model["metadata"]["protocols"] = ["smithy-rpc-v2-cbor"]
    path = Path(directory, MODEL)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(model))
    os.environ["AWS_DATA_PATH"] = directory
