"""Fetches an object with the relay's presigned address and with one that boto3 makes itself.

Prints the SHA-256 of what each brought, and what boto3 is told of the object. Run by
tests/tests/uploads/direct.rs; the credentials and the relay's address come from the environment.
"""

import hashlib
import json
import os
import sys

import boto3
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.httpsession import URLLib3Session


def fetched(url: str) -> str:
    answer = URLLib3Session().send(AWSRequest("GET", url).prepare())
    if answer.status_code != 200:
        raise SystemExit(f"the address answered {answer.status_code}")
    return hashlib.sha256(answer.content).hexdigest()


def main() -> None:
    endpoint, region, bucket, key = sys.argv[1:]
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    own = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    told = {
        "relay": fetched(os.environ["PRESIGNED"]),
        "boto3": fetched(own),
        "size": s3.head_object(Bucket=bucket, Key=key)["ContentLength"],
    }
    print(json.dumps(told))


main()
