"""The HTTP server of the double, in threads of the process that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

import botocore.session
from moto import backends
from moto.autoscaling.models import FakeAutoScalingGroup
from moto.core.utils import method_names_from_class
from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces
from moto.ec2.models.instance_types import INSTANCE_TYPES, InstanceTypeBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.doubles.aws.account import Account
from tests.doubles.aws.gate import Gate
from tests.doubles.aws.remains import renew
from tests.doubles.cloud.addresses import Addresses
from tests.doubles.serving import serving

FAMILIES = ("m1", "t2", "t3", "t4g", "m5", "m7i", "m7g", "c7g", "g4dn", "g5")
"""Of the instance types that AWS has: listing all 1,100 takes moto six seconds."""


class _Handler(MotoRequestHandler):
    """Answers without delay, and hangs up where an answer is to be lost."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:
        return

    def connection_dropped(self, error: BaseException, environ: object = None) -> None:
        self.close_connection = True


@contextmanager
def served() -> Iterator[tuple[Account, str]]:
    """A new account, and the endpoint that boto3 finds it at, as long as the context.

    Public addresses are loopback addresses that nobody else on this computer has, unless the account gives others.
    """
    account = Account()
    modules = tuple(backends.list_of_moto_modules())
    loader = botocore.session.create_loader()
    gate = Gate(account, DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=_Handler)
    types = [one for one in InstanceTypeBackend.instance_types if one["InstanceType"].partition(".")[0] in FAMILIES]
    with (
        Addresses() as addresses,
        patch.object(InstanceTypeBackend, "instance_types", types),
        patch.dict(INSTANCE_TYPES, {one["InstanceType"]: one for one in types}, clear=True),
        patch.object(elastic_network_interfaces, "random_public_ip", lambda: account.next_address()),
        patch.object(elastic_ip_addresses, "random_ip", lambda: account.next_address()),
        patch.object(FakeAutoScalingGroup, "replace_autoscaling_group_instances", lambda *_: None),  # rules/pools.py
        # What never changes, and moto and boto3 find out again for each request and each session.
        patch.object(backends, "list_of_moto_modules", lambda: modules),
        patch("moto.core.responses.method_names_from_class", cache(method_names_from_class)),
        patch.object(botocore.session, "create_loader", lambda _search_path=None: loader),
    ):
        account.next_address = addresses.next
        try:
            with serving(server):
                renew(account)
                yield account, f"http://127.0.0.1:{server.server_port}"
        finally:
            account.reset()
