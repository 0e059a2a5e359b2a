"""A `helm` that knows the two commands that Craton runs, and no flag besides those that helm itself documents.

`helm pull` gives what is in HELM_CHARTS/NAME-VERSION.tgz, and `helm template` renders a chart that is one file of
manifests: RELEASE, NAMESPACE and VALUES are replaced in it, and RANDOM by another number each time.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_PROGRAM = """\
#!/bin/sh
set -eu
fail() { echo "Error: $1" >&2; exit 1; }
verb=$1; shift
case $verb in
pull)
    chart=$1; shift
    version='' destination=''
    while [ $# -gt 0 ]; do
        case $1 in
        --version) version=$2; shift 2 ;;
        --destination) destination=$2; shift 2 ;;
        --repo) shift 2 ;;
        *) fail "unknown flag: $1" ;;
        esac
    done
    found=$HELM_CHARTS/${chart##*/}-$version.tgz
    [ -f "$found" ] || fail "chart \\"${chart##*/}\\" version \\"$version\\" not found"
    cp "$found" "$destination/"
    ;;
template)
    release=$1 chart=$2; shift 2
    namespace=default values=none
    while [ $# -gt 0 ]; do
        case $1 in
        --namespace) namespace=$2; shift 2 ;;
        --values) values=$(cat "$2") || fail "open $2: no such file or directory"; shift 2 ;;
        --kube-version) shift 2 ;;
        --include-crds | --no-hooks) shift ;;
        *) fail "unknown flag: $1" ;;
        esac
    done
    [ ! -d "$chart" ] || chart=$chart/manifests.yaml
    [ -f "$chart" ] || fail "path \\"$chart\\" not found"
    random=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
    echo '---'
    echo "# Source: $release/templates/all.yaml"
    sed "s/RELEASE/$release/g; s/NAMESPACE/$namespace/g; s/VALUES/$values/g; s/RANDOM/$random/g" "$chart"
    ;;
*) fail "unknown command \\"$verb\\" for \\"helm\\"" ;;
esac
"""


def install(room: Path) -> dict[str, str]:
    """Put it into `room`; the environment with which it is found. Charts to pull are in `room/charts`."""
    program = room / "bin" / "helm"
    program.parent.mkdir(parents=True)
    program.write_text(_PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (room / "charts").mkdir()
    return {"PATH": f"{program.parent}:{os.environ['PATH']}", "HELM_CHARTS": str(room / "charts")}
