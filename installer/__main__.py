"""The command `craton`."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing would take most of the time of `--version`
if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the command line. `--version` and `list` alone answer before all that takes time is imported."""
    from installer.common import streams

    can_print = streams.guard()
    quick = {"--version": _print_version, "list": _print_clusters}.get(" ".join(sys.argv[1:]))
    if quick and can_print:
        sys.exit(_run(quick))
    from installer.cli.app import run

    sys.exit(run(can_print=can_print))


def _run(quick: Callable[[], None]) -> int:
    try:
        quick()
    except Exception as error:
        from installer.cli.app import report

        return report(error)
    except KeyboardInterrupt:
        from installer.common.errors import ExitCode

        return ExitCode.INTERRUPTED
    return 0


def _print_version() -> None:
    from installer import __version__

    print(f"craton {__version__}", flush=True)  # noqa: T201 (the usual way would take long)


def _print_clusters() -> None:
    """As the command `list` does."""
    from installer.common.console import result
    from installer.operations import clusters

    result(clusters.clusters_table(clusters.summaries()))


if __name__ == "__main__":
    main()
