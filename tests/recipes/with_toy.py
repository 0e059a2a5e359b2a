"""Python with a platform, a question, a check, a command and a step that were added, and nothing else changed.

It registers what is in `added/` as a contributor would: by being in the right folder. Called as `PYTHON -m MODULE ...`,
where PYTHON is a program that runs this file with its own path first; processes that the product starts use it, too.
"""

from __future__ import annotations

import runpy
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path

HERE = Path(__file__).parent
FOLDERS = {
    "installer.plan.platforms": "plan_platforms",
    "installer.platforms": "platforms",
    "installer.health.checks": "checks",
}


def add(package: str, folder: Path) -> None:
    """Have a package look into one more folder, from before its own first line is run."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    assert spec.loader is not None
    spec.submodule_search_locations.append(str(folder))
    module = module_from_spec(spec)
    sys.modules[package] = module
    parent, _, name = package.rpartition(".")
    setattr(import_module(parent), name, module)
    spec.loader.exec_module(module)


if __name__ == "__main__":
    python, *options, name = sys.argv[1 : sys.argv.index("-m") + 2]
    arguments = sys.argv[sys.argv.index("-m") + 2 :]
    assert options in (["-m"], ["-P", "-m"])
    sys.executable = python
    sys.path[0] = str(HERE.parent.parent)
    for package, folder in FOLDERS.items():
        add(package, HERE / "added" / folder)
    if name == "installer":  # the command line, not a process that the product starts
        runpy.run_path(str(HERE / "added" / "commands" / "toy.py"))
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
