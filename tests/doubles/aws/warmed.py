"""What boto3 reads of files for each session, read once for all of this process and of those that it forks."""

from __future__ import annotations

import boto3
import botocore.session

from tests.doubles.aws.account import KEY, REGION, SECRET

_SERVICES = ("sts", "ec2", "iam", "route53", "elbv2", "elb", "service-quotas", "ssm")
_loader = botocore.session.create_loader()
botocore.session.create_loader = lambda _search_path=None: _loader
_session = boto3.Session(region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET)
for _service in _SERVICES:
    _session.client(_service)
