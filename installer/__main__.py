"""The command `craton`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. `--version` alone answers before anything else is imported."""
    if sys.argv[1:] == ["--version"]:
        from installer import __version__

        print(f"craton {__version__}")  # noqa: T201 (nothing of ours is imported for this)
        return
    from installer.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
