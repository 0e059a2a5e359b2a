"""Whether a DNS zone is one that the world is sent to, as the servers above it say."""

from __future__ import annotations

import dns.resolver

from installer.cluster.dns.delegation import doubt
from tests.doubles.name_server import name_server

MINE = ("ns1.mine.test", "ns2.mine.test")


def test_a_delegated_zone_has_its_servers_and_the_time_for_which_missing_names_are_remembered() -> None:
    with name_server("k8s.example.com", ("ns1.mine.test.", "ns2.mine.test.")) as resolver:
        why, seen = doubt("k8s.example.com", MINE, resolver)
    assert not why
    assert (
        seen
        == "k8s.example.com is delegated to ns1.mine.test and 1 more; names that don't exist are remembered for 300 s"
    )


def test_a_zone_that_nobody_is_sent_to_is_named() -> None:
    with name_server("k8s.example.com", ()) as resolver:
        why, _ = doubt("k8s.example.com", MINE, resolver)
    assert why == "nobody is sent to the zone k8s.example.com: the zone above it names no servers"


def test_a_zone_of_somebody_elses_is_named_with_both_servers() -> None:
    with name_server("k8s.example.com", ("ns9.theirs.test.",)) as resolver:
        why, _ = doubt("k8s.example.com", MINE, resolver)
    assert why == "k8s.example.com is delegated to ns9.theirs.test, not to ns1.mine.test and 1 more"


def test_without_a_resolver_the_doubt_is_that_nobody_knows() -> None:
    nobody = dns.resolver.Resolver(configure=False)
    nobody.nameservers, nobody.port = ["127.0.0.1"], 9
    why, _ = doubt("k8s.example.com", MINE, nobody)
    assert why.startswith("the delegation of k8s.example.com can't be looked up from here:")
