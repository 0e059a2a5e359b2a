"""What the package declares is what it is: dependencies, metadata, licence, and a wheel that runs on its own."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest

from installer import __version__
from installer.plan.platforms import PLATFORMS
from tests.craton import ROOT

PACKAGES = ("installer", "screens")


@cache
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def names(requirements: list[str]) -> set[str]:
    """Names of the distributions that these lines of pyproject.toml ask for."""
    return {canonical(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for line in requirements}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def extras() -> Mapping[str, set[str]]:
    return {extra: names(lines) for extra, lines in project()["optional-dependencies"].items()}


@cache
def importers() -> Mapping[str, frozenset[Path]]:
    """The files that import each distribution, imports inside functions included."""
    owners = packages_distributions()
    found: dict[str, set[Path]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
                top = module.partition(".")[0]
                if top in sys.stdlib_module_names or top in (*PACKAGES, "assets"):
                    continue
                for owner in owners_of(module, owners.get(top, [f"{module} (not installed)"])):
                    found.setdefault(canonical(owner), set()).add(path.relative_to(ROOT))
    return {owner: frozenset(paths) for owner, paths in found.items()}


def owners_of(module: str, candidates: Sequence[str]) -> Sequence[str]:
    """Of distributions that share a top name (`google`), the one that brings this module, or what has it in it."""
    while len(candidates) > 1 and "." in module:
        start = module.replace(".", "/")
        own = [name for name in candidates if any(str(file).startswith((f"{start}/", f"{start}.py"))
                                                  for file in distribution(name).files or ())]  # fmt: skip
        if own:
            return own
        module = module.rpartition(".")[0]
    return candidates


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_dependency_is_imported() -> None:
    assert names(project()["dependencies"]) - importers().keys() == set()


def test_nothing_is_imported_that_is_not_declared() -> None:
    declared = names(project()["dependencies"]).union(*extras().values())
    strange = {name: sorted(map(str, importers()[name])) for name in importers().keys() - declared}
    assert strange == {}


def test_the_libraries_of_an_extra_are_those_of_one_platform() -> None:
    for extra, libraries in extras().items():
        package = Path("installer/platforms") / extra
        account = Path("installer/accounts") / extra
        used = {library for library in libraries if library in importers()}
        places = (path for library in used for path in importers()[library])
        outside = {path for path in places if not (path.is_relative_to(package) or path.is_relative_to(account))}
        assert outside == set(), f"{extra} alone is to import {libraries}"
        if (ROOT / package).exists():
            assert used == libraries, f"{package} exists: it imports all that its extra asks for"
        else:
            assert extra not in PLATFORMS, "a platform that nobody can choose has libraries that nobody needs"


def test_the_stand_ins_ssh_server_is_the_rehearsals_alone() -> None:
    package = Path("installer/platforms/rehearsal")
    assert {path for path in importers()["asyncssh"] if not path.is_relative_to(package)} == set()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_choosing_a_platform_imports_no_other(platform: str) -> None:
    fields: dict[str, Any] = {"name": "demo", "subdomain": "example.test", "masters": 1, "workers": 1}
    fields["networks"] = {"user": "203.0.113.0/24"}  # people who come from anywhere else than this computer
    if platform == "machines":
        fields["machines"] = {"inventory": [{"address": f"10.0.0.{number}"} for number in (1, 2, 3)]}
    script = (
        "import json, sys\n"
        "from installer.plan.model import InstallPlan\n"
        "from installer.platforms import open_platform\n"
        "open_platform(InstallPlan.model_validate(json.loads(sys.argv[1])))\n"
        "print(*sorted({name.split('.')[2] for name in sys.modules if name.startswith('installer.platforms.')}))\n"
    )
    argv = [sys.executable, "-c", script, json.dumps({**fields, "platform": platform})]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) & set(PLATFORMS) == {platform}, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel and the source archive, by their endings. Built with what is installed here: nothing is fetched."""
    directory = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return {path.suffix: path for path in directory.iterdir()}


def test_the_wheel_says_who_made_it_and_under_which_licence(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built[".whl"]) as wheel:
        inside = f"craton-{__version__}.dist-info"
        metadata = message_from_bytes(wheel.read(f"{inside}/METADATA"))
        assert wheel.read(f"{inside}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert (metadata["Name"], metadata["Version"]) == ("craton", __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Author"] == "The Craton authors"
    assert metadata["Requires-Python"] == ">=3.11"
    for field in ("Summary", "Keywords", "Classifier", "Description-Content-Type"):
        assert metadata[field], field


def test_the_licence_is_apache_2_in_full() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert [f"   {number}. " in text for number in range(1, 10)] == [True] * 9
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_source_archive_has_what_people_read_and_what_builds_it(built: dict[str, Path]) -> None:
    with tarfile.open(built[".gz"]) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"LICENSE", "README.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", "Makefile"}
    assert wanted - inside == set()
    assert {"requirements.txt", "requirements-dev.txt", "docs/architecture.md", "tests/test_packaging.py"} <= inside


@pytest.fixture(scope="module")
def clean(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it, which sees this one's libraries and nothing of this directory."""
    directory = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True, capture_output=True)
    site = next(directory.glob("lib/python3*/site-packages"))
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(directory)]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(built[".whl"])], check=True, capture_output=True)
    (site / "libraries.pth").write_text(f"{ours}\n")
    return directory


def run(clean: Path, *argv: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    return subprocess.run(
        [str(clean / "bin" / argv[0]), *argv[1:]], cwd=home, env=environment, capture_output=True, text=True, check=True
    )


def test_the_wheel_runs_in_a_clean_environment(clean: Path, tmp_path: Path) -> None:
    assert run(clean, "craton", "--version", home=tmp_path).stdout == f"craton {__version__}\n"
    assert "apply" in run(clean, "craton", "--help", home=tmp_path).stdout
    plan = ("--yes", "--name", "demo", "--subdomain", "example.test", "-o", "demo.yaml")
    run(clean, "craton", "new", *plan, home=tmp_path)
    assert "demo-master-1" in run(clean, "craton", "review", "demo.yaml", "--offline", home=tmp_path).stdout


def test_the_packages_of_the_wheel_are_its_own(clean: Path, tmp_path: Path) -> None:
    script = "import installer, screens, assets; print(installer.__file__, screens.__file__)"
    for path in run(clean, "python", "-c", script, home=tmp_path).stdout.split():
        assert Path(path).is_relative_to(clean)
