"""The command `craton`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. `--version` alone answers before all that takes time is imported."""
    from installer.common import streams

    can_print = streams.guard()
    if sys.argv[1:] == ["--version"] and can_print:
        sys.exit(_print_version())
    from installer.cli.app import run

    sys.exit(run(can_print=can_print))


def _print_version() -> int:
    from installer import __version__

    try:
        print(f"craton {__version__}", flush=True)  # noqa: T201 (the usual way would take long)
    except Exception as error:
        from installer.cli.app import report

        return report(error)
    return 0


if __name__ == "__main__":
    main()
