"""An image that was not pulled: which, from where, why, and what to do."""

from __future__ import annotations

import re

from installer.cluster.diagnosis.transcript import Finding, ImagePull, Waiting

_FINDING = re.compile(r"failed to pull image (\S+?): (.*)")
_LOG_LINE = re.compile(r'^time="[^"]*" level=\w+ msg="(.*)"$')
_URL = re.compile(r'https?://([^/"\s\\]+)')
_WRAPPING = re.compile(
    r'^(?:pulling image: |failed to pull image \S+: |failed to pull and unpack image "[^"]*": |'
    r'failed to resolve (?:reference|image)(?: "[^"]*")?: |failed to copy: |failed to do request: |'
    r"rpc error: code = \w+ desc = |unexpected status from )+"
)
_ABSENT = re.compile(r"404 Not Found|not found|manifest unknown", re.IGNORECASE)
_REASONS: tuple[tuple[str, str], ...] = (
    (
        r"no such host|server misbehaving|Temporary failure in name resolution",
        "the machine cannot resolve the name of {source}: look at its DNS (`resolvectl query {host}`, "
        "/etc/resolv.conf)",
    ),
    (
        r"429 Too Many|toomanyrequests|rate limit",
        "{source} limits the rate of pulls from this address: wait, use a mirror (`artifacts.mirror` in the plan), "
        "or bring the images with --artifacts",
    ),
    (
        r"40[13] (?:Forbidden|Unauthorized)|authorization failed|denied|no basic auth",
        "{source} wants credentials, or a proxy intercepts the request: use a mirror that needs none",
    ),
    (
        _ABSENT.pattern,
        "{source} doesn't have the image: put {image} there under the same name, or choose another mirror "
        "(`artifacts.mirror` in the plan)",
    ),
    (
        r"x509: certificate has expired or is not yet valid",
        "compare the machine's clock with the certificate's time: `timedatectl` on the machine",
    ),
    (
        r"x509|failed to verify certificate",
        "the machine doesn't trust the certificate of {source}: add its authority to the machine's "
        "(update-ca-certificates) and restart containerd, or find out what intercepts the connection",
    ),
    (
        r"first record does not look like a TLS handshake|server gave HTTP response to HTTPS client",
        "{source} doesn't speak TLS: write http:// before it (`artifacts.mirror` in the plan)",
    ),
    (r"connection refused", "nothing listens at {source}: start it, or correct its address in the plan"),
    (r"no route to host|network is unreachable", "the machine has no route to {source}: `ip route get` on the machine"),
    (r"no space left", "free space on the machine's disk (df -h /var/lib/containerd)"),
    (r"5\d\d [A-Z][a-z]+", "{source} has a problem of its own: look at its log, or try again later"),
    (
        r"not there after \d+ s|i/o timeout|timed? ?out|deadline exceeded|connection reset|\bEOF\b",
        "{source} doesn't answer, or answers too slowly: look for a firewall or a proxy (`curl -v` on the machine), "
        "or bring the images with --artifacts",
    ),
)


def of_findings(findings: tuple[Finding, ...]) -> tuple[ImagePull, ...]:
    """The images of kubeadm's findings `ImagePull`; none if kubeadm says of one finding not which image it is."""
    found = [_FINDING.search(finding.words) for finding in findings if finding.id == "ImagePull"]
    return tuple(ImagePull(match[1], "", match[2]) for match in found if match)


def observed(pulls: tuple[ImagePull, ...]) -> str:
    """The first image in a line, and how many more; `pulls` is not empty."""
    pull = pulls[0]
    more = f"\n{len(pulls) - 1} more images were not pulled either" if len(pulls) > 1 else ""
    output, source, asked = _bare(pull.words), _source(pull), _asked(pull)
    words = f"the image {pull.image} was not pulled from {source}: {output}"
    if asked != source:  # containerd asks the registry itself for what a mirror does not have, and says only that
        words = f"the image {pull.image} is not at the mirror {source}, nor was it pulled from {asked}: {output}"
    return words + more


def hint(pulls: tuple[ImagePull, ...]) -> str:
    pull = pulls[0]
    source, asked, output = _source(pull), _asked(pull), _bare(pull.words)
    if "@sha256:" in pull.words and _ABSENT.search(output):
        return (
            f"{asked} no longer has {pull.image} as it was reviewed: find out why, record what it has now with `craton "
            "review PLAN --refresh`, then resume"
        )
    if asked != source:
        return (
            f"put {pull.image} into the mirror under the same name (see that {source} answers for it: curl "
            f"{source}/v2/), or let the machine reach {asked}; then resume"
        )
    for pattern, text in _REASONS:
        if re.search(pattern, output, re.IGNORECASE):
            return (
                text.format(source=source, host=source.rpartition(":")[0] or source, image=pull.image) + "; then resume"
            )
    return f"try `crictl pull {pull.image}` on the machine; then resume, or bring the images with --artifacts"


def waiting_words(waiting: tuple[Waiting, ...]) -> str:
    """Each image once, with its pod and the nodes that lack it; `waiting` is not empty."""
    nodes: dict[str, list[str]] = {}
    for pod in waiting:
        nodes.setdefault(pod.image, []).append(pod.node)
    pods = {pod.image: pod.pod for pod in reversed(waiting)}
    return "\n".join(
        f"the pod {pods[image]} waits for the image {image}, which {', '.join(found)} does not have"
        for image, found in nodes.items()
    )


def _bare(words: str) -> str:
    """The reason without what wraps it: which image it is, and who says so."""
    line = _LOG_LINE.match(words)
    bare = line[1].replace('\\"', '"') if line else words
    return _WRAPPING.sub("", bare) or "no reason was given"


def _source(pull: ImagePull) -> str:
    if pull.source:
        return pull.source
    first, slash, _ = pull.image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def _asked(pull: ImagePull) -> str:
    """The host whose answer is quoted: that of the registry, where containerd went past the mirror."""
    url = _URL.search(pull.words)
    if url is None or not pull.source:
        return _source(pull)
    registry = _source(ImagePull(pull.image, "", ""))
    return registry if url[1] == registry else _source(pull)
