"""The wizard of each cloud at a real terminal: the account is asked by the process that the product starts for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.craton import Craton
from tests.doubles.aws.account import Account
from tests.doubles.aws.fixtures import aws, aws_server
from tests.doubles.gcp.fixtures import gcp, gcp_server
from tests.doubles.gcp.project import Project
from tests.terminal import Terminal

__all__ = ["aws", "aws_server", "gcp", "gcp_server"]

_FOUND_BY = ("AWS_", "GOOGLE_", "CLOUDSDK_", "NO_GCE_CHECK", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Beginnings of the variables by which clouds' libraries find the doubles."""


class Signed(Craton):
    """A user whose environment has what the doubles take."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {name: text for name, text in os.environ.items() if name.startswith(_FOUND_BY)}


@pytest.fixture
def user(tmp_path: Path) -> Craton:
    (tmp_path / "home").mkdir()
    return Signed(tmp_path)


def wizard(user: Craton, platform: str) -> Terminal:
    """At the page after that of the platform, with the focus on its first question."""
    argv = user.argv("new", "--platform", platform, "--name", "demo")
    screen = Terminal(argv, user.environment, str(user.directory), columns=80, rows=24)
    screen.expect("What is the cluster's name")
    screen.press("ctrl+down")
    screen.expect("Where do the machines come from")
    screen.press("ctrl+down")
    return screen


def test_aws_suggests_regions_and_zones_of_the_account(aws: Account, user: Craton) -> None:
    with wizard(user, "aws") as screen:
        screen.expect("Account 123456789012, as")
        screen.press("enter")
        screen.expect("regions that your account has switched on")
        screen.press("ctrl+a", "ctrl+k")
        screen.press("ireland")
        screen.expect("eu-west-1 +Europe")
        screen.press("down", "enter")
        screen.expect("zones of eu-west-1 that your account has")
        screen.press("ctrl+a", "ctrl+k", "down")
        screen.expect("eu-west-1a, eu-west-1b, eu-west-1c +")


def test_aws_without_credentials_says_how_to_get_some_and_takes_what_is_typed(user: Craton) -> None:
    with wizard(user, "aws") as screen:
        screen.expect("no credentials were found")
        screen.press("enter", "ctrl+a", "ctrl+k")
        screen.press("eu-west-1")
        screen.expect("eu-west-1")
        screen.press("enter")
        screen.expect("Which availability zones")


def test_google_cloud_suggests_projects_and_machine_types(gcp: Project, user: Craton) -> None:
    with wizard(user, "gcp") as screen:
        screen.expect("craton-test-1 +Tests")
        screen.press("down", "enter", "enter")
        screen.expect("2 regions of the project craton-test-1")
        screen.press("enter", "enter")
        screen.expect("e2-standard-2 +2 vCPU · 8 GiB · x86 · 0.08")
