"""The one place where text from outside becomes text that may be stored and shown."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"""
    \x1b\] .*? (?: \x07 | \x1b\\ | $ )       # OSC: titles, hyperlinks, clipboard
  | \x1b[PX^_] .*? (?: \x1b\\ | $ )          # DCS, SOS, PM, APC
  | (?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]? # CSI: cursor, colours
  | \x1b [ -/]* [0-~]?                       # every other escape
    """,
    re.VERBOSE | re.DOTALL,
)
# C0 and C1 controls but for tab and newline, the marks that reorder text, and the invisible ones that hide it.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")

_SECRETS = re.compile(
    r"""
    -----BEGIN\ [A-Z\ ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z\ ]*PRIVATE\ KEY-----|$)
  | \b[a-z0-9]{6}\.[a-z0-9]{16}\b                                          # kubeadm's bootstrap token
  | (?<=certificate-key[ =:]) \s* [0-9a-f]{64}                             # kubeadm's certificate key
  | (?<=certificateKey:) \s* \S+
  | \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b      # a JSON Web Token
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                          # an AWS access key id
  | (?:(?<=client-key-data:)|(?<=client-certificate-data:)) \s* \S+
  | (?:(?<=client-key-data":)|(?<=client-certificate-data":)) \s* "[^"]*"
  | (?<=[Bb]earer\ ) [A-Za-z0-9._~+/=-]{16,}
  | (?<=[Aa]uthorization:\ Basic\ ) \S+
  | \bLS0tLS1CRUdJTiB(?!D)[A-Za-z0-9+/=]+                                   # "-----BEGIN " in base64, of no certificate
  | (?<![A-Za-z0-9+/]) [A-Za-z0-9+/]{43}= (?![A-Za-z0-9+/=])               # 32 bytes in base64: a key
  | (?<=://) [^/\s:@]+ : [^/\s@]+ (?=@)                                    # the password in a URL
    """,
    re.VERBOSE | re.DOTALL,
)

MAX_LINE = 4000
"""Characters kept of one line."""


def clean(text: str) -> str:
    """Return `text` without anything that could move a cursor, set a title, reorder or hide text.

    Tabs become spaces, a carriage return that rewrites a line keeps what came last, long lines are cut.
    """
    if text.isascii() and text.isprintable() and len(text) <= MAX_LINE:
        return text  # as nearly every line of a machine's is
    lines = []
    for line in _ESCAPES.sub("", text).replace("\r\n", "\n").split("\n"):
        kept = line.rstrip("\r").rpartition("\r")[2]
        kept = _CONTROLS.sub("", kept.expandtabs(8))
        lines.append(kept if len(kept) <= MAX_LINE else kept[: MAX_LINE - 1] + "…")
    return "\n".join(lines)


def redact(text: str) -> str:
    """Return `text` with tokens, keys and certificates' keys replaced by `***`."""
    return _SECRETS.sub("***", text)
