"""Secrets that a name announces: `password: ...`, `--token ...`, `"certificateKey": "..."`, in whatever form."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from installer.common.redaction.rules import MASK, Rule, apply, rule

NAME = r"""
    (?: (?<!no)pass[-_]?(?:word|phrase|code|wd)s? | passwort | kennwort | contrase[nñ]a
      | (?<!by)(?<!com)(?<!sur)(?<!tres)(?<!over)(?<!under)(?!(?-i:PASS):\ )pass
      | (?<![a-z])(?:psk|creds|(?:root|user|db|admin)?pw) | (?<![a-z])(?!(?-i:PWD))pwd | (?<=_)pwd
      | (?<=[a-z])(?-i:Pass|Pwd)
      | (?<=;)pwd | (?<![a-z])bearer | (?<=bw_)session | ca[-_]?key
      | secrets? | tokens? | credentials?
      | (?:api|access|account|shared|secret|private|encryption|certificate|signing|master|auth|session|sas|hmac|aes|
           preshared|webhook|license) [-_\ ]? keys?
      | client-(?:key|certificate)-data | dockerconfigjson | dockercfg | (?<![a-z])(?:j|php)?sess(?:ion)?[-_]?id
    )
    (?: [-_]?(?:\d{1,3}|value|hash|base64|b64|enc(?:oded|rypted)?|old|new|text|string|plain) )?
"""
"""What a secret is called; to be compiled with VERBOSE and IGNORECASE. Prefixes such as DB_ need no naming."""
_HINTS = (
    "pass",
    "pwd",
    "psk",
    "kennwort",
    "contrase",
    "secret",
    "token",
    "cred",
    "key",
    "dockerc",
    "sess",
    "auth",
    "pw",
    "bearer",
)

_QUOTED = re.compile(r"(?P<open>\\*[\"'`])(?P<value>.*?)(?:(?<!\\)(?P=open)(?!(?P=open))|$)")
_LISTED = re.compile(r"\[(?P<value>[^\[\]{}]+)\]")
_WORD = re.compile(r"(?P<value>(?:[^\s\"'`\\]|\\(?![\"'`])|[\"'`](?=\w))+?)[,}\])]*(?=[\s\"'`\\]|$)")
_REST = re.compile(r"(?P<value>\S.*?)\s*$")

_FIRST = re.compile(r"[\s>+<*#-]*+(?:(?:export|set|env|arg)\s+)?[\"':]?[\w.\[-]*+", re.IGNORECASE)
"""What may be before the name that a line begins with."""
_MORE = re.compile(r"\s[\w-]+=")
_PROSE = re.compile(r"(?:[A-Za-z][a-z']*[,;.:]?|\d{3}) +[A-Za-z(<\"'/]")
"""An error's words, as in "failed to load token: open /etc/x: no such file"."""
_HARMLESS = re.compile(
    r"""
    (?: null | none | nil | true | false | yes | no | on | off | undefined | unset | empty | redacted | hidden
      | (?:data\+)?omitted | string\w* | value | required | missing | invalid | expired | denied | rejected | optional
      | unauthorized | forbidden | eof | timeout | files? | stdin | prompt | flags? | to | is | or | and | must | option
      | argument | for | with | has | in | was | not | cannot | can | from | if | when | needs | requires | given
      | instead | of | are | will | by | as | authentication | created | deleted | updated | configured | unchanged
      | patched | changed | found | mounted | loaded | set | present | absent | unknown | valid | accepted | ok
      | \d{1,3} (?:[,;]\ .*)? ) [.,:;]?
  | <[a-z][^<>]*> | \*+ | \$\{?[a-z_]\w*\}?(?:/[\w./-]*)? | \$\(.* | %[a-z] | \{\{.*\}\} | \d+\ bytes
  | [\[{] (?: \s*[\"'\[{\]}] .* | \s*\w+[\"']?: .* )? | [|>][+-]?\d? | !(?:!\w+|vault|ref|sub|env)\b.*
  | (?: file:// | ~/ | \.\.?/ | [a-z]:\\ ) [\w./@+\\-]*
  | / (?:etc|var|root|home|run|tmp|usr|opt|dev|mnt|srv|proc|sys|boot|users|private) (?:/[\w./@+-]*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OBJECT = re.compile(r"[a-z0-9-]+/[a-z0-9.-]+")
"""How Kubernetes' logs name a Secret: namespace and name."""


@cache
def _named() -> re.Pattern[str]:
    quote = r"(?:\\*[\"'`]|&quot;|%22)"
    assigned = (
        rf"(?P<name>{NAME}) (?:{quote})? [\])]? \s{{0,8}} (?: (?P<colon>:)=? | ={{1,3}} | %3[ad] ) >? [ \t]{{0,80}}"
    )
    flag = rf"(?<![\w-]) --? [\w.-]{{0,64}}? {NAME} [ \t]{{1,80}} (?!-)"
    return re.compile(rf"{assigned} | {flag}", re.VERBOSE | re.IGNORECASE)


@cache
def _rules() -> tuple[Rule, ...]:
    return (
        rule(rf"{NAME} > (?P<secret> [^<>]+ ) </", "</", flags=re.IGNORECASE),
        rule(  # the environment of a container: {"name": "DB_PASSWORD", "value": "..."}
            rf"name \\*[\"']? \s* [:=] \s* \\*[\"']? [\w.-]{{0,64}}? {NAME} \\*[\"']? \s* , \s*"
            r"\\*[\"']? value \\*[\"']? \s* [:=] \s* \\*[\"']? (?P<secret> [^\s\"'}\\]+ )",
            "value",
            flags=re.IGNORECASE,
        ),
        # `auth` of docker, and keys in files named for it; both in base64
        rule(
            r"(?<![a-z]) auth \\*[\"']? \s* [:=] \s* \\*[\"']?"
            r"(?P<secret> (?-i:(?=[a-z/+]*[A-Z0-9=])) [a-z0-9+/]{8,}={0,2} ) (?=[\"'\s,}\\]|$)",
            "auth",
            flags=re.IGNORECASE,
        ),
        rule(
            r"(?: \.(?:key|pem|p12|pfx|jks) | id_(?:rsa|dsa|ecdsa|ed25519) ) \\*[\"']? \s* :"
            r"\s* \\*[\"']? (?P<secret> [a-z0-9+/=]{40,} )",
            ":",
            flags=re.IGNORECASE,
        ),
    )


def redact(line: str) -> str:
    """`line` with the mask instead of values that are secrets by their names."""
    if not hinted(line):
        return apply(_rules()[-1:], line)
    line = apply(_rules(), line)
    parts, at = [], 0
    for match in _named().finditer(line):
        if match.start() >= at and (span := _value(line, match)):
            parts += [line[at : span[0]], MASK]
            at = span[1]
    return "".join([*parts, line[at:]])


def hinted(line: str) -> bool:
    """Whether the line may name a secret at all; most don't, and this is quick to see."""
    lower = line.lower()
    return any(hint in lower for hint in _HINTS)


def harmless(value: str) -> bool:
    """Whether a value is no secret, whatever its name: nothing, `null`, a path, a word of an error."""
    return not value.strip() or _HARMLESS.fullmatch(value.strip()) is not None


@lru_cache(maxsize=1024)
def announces(name: str) -> bool:
    """Whether what is called `name` is a secret, such as a key of a JSON object."""
    return _whole_name().fullmatch(name) is not None


@cache
def _whole_name() -> re.Pattern[str]:
    return re.compile(rf"[\w.-]{{0,64}}? (?:{NAME})", re.VERBOSE | re.IGNORECASE)


def _value(line: str, match: re.Match[str]) -> tuple[int, int] | None:
    """Where the value is that follows the name, unless there is none or it is no secret."""
    start = match.end()
    found = _QUOTED.match(line, start) or _LISTED.match(line, start)
    if not found:
        first = match["name"] is not None and _FIRST.fullmatch(line, 0, match.start()) is not None
        # `passwd: ...` may be the program of that name.
        if match["colon"] and (not first or match["name"] == "passwd") and _PROSE.match(line, start):
            return None
        json = line[match.end("name") :].startswith(('"', "'"))
        whole = first and not json and (match["colon"] or not _MORE.search(line, start))
        found = (_REST if whole else _WORD).match(line, start)
    if not found or harmless(found["value"]):
        return None
    if match["name"] and match["name"].lower() in ("secret", "secrets") and _OBJECT.fullmatch(found["value"]):
        return None
    return found.span("value")
