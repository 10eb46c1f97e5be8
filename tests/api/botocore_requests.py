#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every operation of botocore's S3 model, as botocore sends it, against our names.

Each operation is called with the least its model wants, in each of the ways below, and caught
when it is signed and ready to be sent: nothing goes out. What the parsers say of the head has to be
what the call was: the operation's name, bucket, key, the host less the bucket, the region. What
botocore itself refuses to send some way is listed with the way, so that nothing is left out
unnoticed.

    botocore_requests.py build/api/operations
"""
import collections
import datetime
import subprocess
import sys
from urllib.parse import urlsplit

import botocore
import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config

BUCKET = "bucket-name"
KEY = "dir/key name+%2F.txt"
ROUTE = "io-route1"
ACCOUNT = "123456789012"
OUTPOST = "op-01234567890123456"
PATTERNS = ["*.ceph.example.net", "minio.example.net:9000"]

# The model keeps operations that later ones replaced: their requests are the same to the byte, so
# they have the name of today.
REPLACED = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}

# An endpoint of one's own is the same for both; only a signature of version 4 names the service.
NAMELESS = {"ListDirectoryBuckets": "ListBuckets"}

# What every call needs, by the member's name, where the type alone would not do.
VALUES = {
    "Key": KEY,
    "RequestRoute": ROUTE,
    "CopySource": "source-bucket/source key",
    "RenameSource": "/source-bucket/source-key",
    "UploadId": "upload-id",
    "SourceRegion": "us-west-2",
}

# A way to make the call: where it goes to (settings of the client), how it is signed, the bucket
# as the caller says it (None: BUCKET) and as the host or path then has it, and which operations
# botocore makes no such call for.
Way = collections.namedtuple("Way", "name s3 region more bucket named refused",
                             defaults=("eu-west-1", {}, None, BUCKET, ()))


def arn(service, resource, region="eu-west-1"):
    return "arn:aws:%s:%s:%s:%s" % (service, region, ACCOUNT, resource)


NO_ROUTE = ("WriteGetObjectResponse",)  # where Object Lambda is not offered
PATH_ONLY = ("GetBucketLocation",)
NO_BUCKET = PATH_ONLY + ("CreateBucket",)  # an access point stands for one that exists
PATH, VIRTUAL = {"addressing_style": "path"}, {"addressing_style": "virtual"}
WAYS = [
    Way("path", PATH),
    Way("virtual-hosted", VIRTUAL),
    Way("global endpoint", VIRTUAL, "us-east-1", {}),
    Way("global endpoint, path", PATH, "us-east-1"),
    Way("China", VIRTUAL, "cn-north-1"),
    Way("dual-stack", {**VIRTUAL, "use_dualstack_endpoint": True}, refused=NO_ROUTE),
    Way("dual-stack, path", {**PATH, "use_dualstack_endpoint": True}, refused=NO_ROUTE),
    Way("FIPS", VIRTUAL, "us-gov-west-1", {"use_fips_endpoint": True}, refused=PATH_ONLY),
    Way("FIPS, dual-stack", {**VIRTUAL, "use_dualstack_endpoint": True}, "us-east-2",
        {"use_fips_endpoint": True}, refused=PATH_ONLY + NO_ROUTE),
    Way("accelerate", {**VIRTUAL, "use_accelerate_endpoint": True}, refused=PATH_ONLY + NO_ROUTE),
    Way("accelerate, dual-stack",
        {**VIRTUAL, "use_accelerate_endpoint": True, "use_dualstack_endpoint": True},
        refused=PATH_ONLY + NO_ROUTE),
    Way("access point", {}, bucket=arn("s3", "accesspoint/my-point"), named="my-point-" + ACCOUNT,
        refused=NO_BUCKET),
    Way("access point, dual-stack, FIPS", {"use_dualstack_endpoint": True}, "us-east-2",
        {"use_fips_endpoint": True}, arn("s3", "accesspoint/my-point", "us-east-2"),
        "my-point-" + ACCOUNT, NO_BUCKET),
    Way("multi-Region access point", {}, bucket=arn("s3", "accesspoint/abc123.mrap", ""),
        named="abc123.mrap", refused=NO_BUCKET),
    Way("Outposts", {}, bucket=arn("s3-outposts", "outpost/%s/accesspoint/my-point" % OUTPOST),
        named="my-point-%s.%s" % (ACCOUNT, OUTPOST), refused=NO_BUCKET),
    Way("Object Lambda", {}, bucket=arn("s3-object-lambda", "accesspoint/my-lambda"),
        named="my-lambda-" + ACCOUNT, refused=NO_BUCKET),
    Way("VPC endpoint", VIRTUAL,
        more={"endpoint_url": "https://bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com"}),
    Way("address and port", PATH, "us-east-1", {"endpoint_url": "http://127.0.0.1:9000"}),
    Way("IPv6 address and port", PATH, "us-east-1", {"endpoint_url": "http://[::1]:9000"},
        refused=NO_ROUTE),
    Way("a name of one's own", PATH, "us-east-1", {"endpoint_url": "https://storage.example.net"}),
    Way("--endpoint, virtual-hosted", VIRTUAL, "default",
        {"endpoint_url": "http://minio.example.net:9000"}),
    Way("--endpoint with a star", VIRTUAL, "default", {"endpoint_url": "https://ceph.example.net"}),
    Way("Cloudflare", VIRTUAL, "auto", {"endpoint_url": "https://0a1b.r2.cloudflarestorage.com"}),
    Way("Google", PATH, "us-east-1", {"endpoint_url": "https://storage.googleapis.com"}),
    Way("presigned", VIRTUAL, "eu-west-1", {"signature_version": "s3v4-query"}),
    Way("presigned, path, an own name", PATH, "eu-west-1",
        {"signature_version": "s3v4-query", "endpoint_url": "http://10.0.0.5:9000"}),
    Way("version 2", VIRTUAL, "us-east-1", {"signature_version": "s3"}),
    Way("version 2, path, an own name", PATH, "us-east-1",
        {"signature_version": "s3", "endpoint_url": "http://10.0.0.5:9000"}),
    Way("version 2 presigned", PATH, "us-east-1",
        {"signature_version": "s3-query", "endpoint_url": "http://10.0.0.5:9000"}),
    Way("unsigned", VIRTUAL, "eu-west-1", {"signature_version": UNSIGNED}),
    Way("unsigned, path", PATH, "eu-west-1", {"signature_version": UNSIGNED}),
]
# Newer models know directory buckets; a session is got over the network, so there is none here.
EXPRESS = Way("S3 Express", {}, "us-east-1",
              {"disable_s3_express_session_auth": True}, "name--use1-az4--x-s3",
              "name--use1-az4--x-s3")

Call = collections.namedtuple("Call", "way head operation bucket key endpoint region")


def value(shape, name=""):
    """The least that is a valid value of this shape."""
    if name in VALUES:
        return VALUES[name]
    if shape.type_name == "structure":
        members = shape.required_members
        if getattr(shape, "is_tagged_union", False):
            members = list(shape.members)[:1]
        return {member: value(shape.members[member], member) for member in members}
    if shape.type_name == "list":
        return [value(shape.member)]
    if shape.type_name == "map":
        return {value(shape.key): value(shape.value)}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else "x" * max(1, shape.metadata.get("min", 1))
    return {"integer": 1, "long": 1, "float": 1.0, "double": 1.0, "boolean": True, "blob": b"x",
            "timestamp": datetime.datetime(2024, 1, 1)}[shape.type_name]


def head(request):
    """The request as HTTP/1.1 has it: botocore leaves the Host to the layer below."""
    url = urlsplit(request.url)
    target = (url.path or "/") + ("?" + url.query if url.query else "")
    lines = ["%s %s HTTP/1.1" % (request.method, target), "Host: " + url.netloc]
    for name, text in request.headers.items():
        lines.append("%s: %s" % (name, text.decode() if isinstance(text, bytes) else text))
    return ("\r\n".join(lines) + "\r\n\r\n").encode(), url.netloc


def client(session, way):
    more = dict(way.more)
    settings = {name: more.pop(name) for name in list(more)
                if name not in ("endpoint_url", "disable_s3_express_session_auth")}
    s3 = {**way.s3, **{name: more.pop(name) for name in list(more) if name != "endpoint_url"}}
    return session.create_client(
        "s3", region_name=way.region, aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret", endpoint_url=more.get("endpoint_url"),
        config=Config(s3=s3, retries={"max_attempts": 0}, parameter_validation=True, **settings))


def said(way, host):
    """Whether the request says its region: in the host, or where the signature is for one."""
    scoped = str(way.more.get("signature_version", "s3v4")).startswith("s3v4")
    return way.region in host or (scoped and "s3-global" not in host)


def called(way, name):
    own = "endpoint_url" in way.more and way.more.get("signature_version") in ("s3", "s3-query")
    return REPLACED.get(name) or (own and NAMELESS.get(name)) or name


def calls(session, way, refused):
    made, caught = client(session, way), []

    def catch(request, **_):
        caught.append(request)
        return AWSResponse(request.url, 200, {}, None)

    def without_body(request, **_):
        request.data = b""  # a signature in the query has no place for one

    made.meta.events.register_first("before-send.s3", catch)
    if str(way.more.get("signature_version", "")).endswith("-query"):
        made.meta.events.register_first("before-sign.s3", without_body)
    model = made.meta.service_model
    for name in model.operation_names:
        operation = model.operation_model(name)
        shape = operation.input_shape
        members = shape.members if shape else {}
        params = value(shape) if shape else {}
        if "Bucket" in members:
            params["Bucket"] = way.bucket or BUCKET
        elif way.bucket:
            continue  # the same as without it
        del caught[:]
        try:
            made._make_api_call(name, params)
        except Exception as error:  # answers are not what this is about
            if not caught:
                refused.append((way, name, error))
                continue
        text, host = head(caught[0])
        bucket = way.named if "Bucket" in members else "-"
        prefix = (ROUTE if "RequestRoute" in members else bucket) + "."
        yield Call(way, text, called(way, name), bucket, KEY if "Key" in members else "-",
                   host[len(prefix):] if host.startswith(prefix) else host,
                   way.region if said(way, host) else "-")


def environment():
    """No settings of this machine's."""
    session = botocore.session.Session()
    session.set_config_variable("config_file", "/dev/null")
    session.set_config_variable("credentials_file", "/dev/null")
    session.set_config_variable("profile", None)
    return session


def main(driver):
    session, made, refused = environment(), [], []
    names = session.get_service_model("s3").operation_names
    for way in WAYS + ([EXPRESS] if "CreateSession" in names else []):
        made.extend(calls(session, way, refused))
    heads = b"".join(b"%d\n%s" % (len(call.head), call.head) for call in made)
    answer = subprocess.run([driver, *PATTERNS], input=heads, stdout=subprocess.PIPE, check=True)
    lines = answer.stdout.decode().splitlines()

    failed = len(lines) != len(made)
    for call, line in zip(made, lines):
        wanted = "\t".join(call[2:])
        if line != wanted:
            failed += 1
            print("%s: %s\n  wanted %s\n  got    %s" % (
                call.way.name, call.head.split(b"\r\n")[:2], wanted, line))
    for way, name, error in refused:
        if name not in way.refused:
            failed += 1
            print("%s: %s was not made: %s" % (way.name, name, error))
    print("%d operations of botocore %s, %d ways" % (
        len(names), botocore.__version__, len({call.way.name for call in made})))
    print("%d passed, %d failed" % (len(made) - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
