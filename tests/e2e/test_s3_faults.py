"""`telpher s3` keeps true books of what its fault script has done."""

import boto3
import pytest
from botocore.config import Config

from s3_command import refused


def client_of(server):
    keys = server.client_env()
    return boto3.client(
        "s3", endpoint_url=server.base, region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(signature_version="s3v4", retries={"max_attempts": 0}, read_timeout=30,
                      s3={"addressing_style": "path"}))


def acted(server):
    return [rule["acted"] for rule in server.admin("faults")["rules"]]


@pytest.mark.parametrize("fault", ["corrupt", "truncate", "short"])
def test_a_body_fault_without_a_body_is_not_met(s3, fault):
    server = s3([{"on": "GetObject", "count": 1, "do": fault, "after_bytes": 3},
                 {"on": "PutObject", "after": 1, "count": 1, "do": fault, "after_bytes": 3}])
    client = client_of(server)
    etag = client.put_object(Bucket="bucket", Key="k", Body=b"hello")["ETag"]
    with refused("304", 304):
        client.get_object(Bucket="bucket", Key="k", IfNoneMatch=etag)
    with refused("PreconditionFailed", 412):
        client.get_object(Bucket="bucket", Key="k", IfMatch='"other"')
    with refused("NoSuchKey", 404):
        client.get_object(Bucket="bucket", Key="none")
    with refused("NoSuchBucket", 404):
        client.put_object(Bucket="none", Key="k", Body=b"hello")
    assert acted(server) == [0, 0]
    assert not server.admin("faults")["all_met"]
