"""Secrets that are given to programs without a name of their own: `curl -u`, `sshpass -p`, `chpasswd`."""

from __future__ import annotations

import re
from functools import cache

from installer.common.redaction.rules import Rule, rule

_WORD = r"(?!\*\*\*) (?P<secret> \"[^\"]+\" | '[^']+' | [^\s\"']\S* )"
_WORDS = r"\s (?: .{0,300}? \s )??"
"""What may be between a program and its option; bounded, so that no line costs the square of its length."""
_READERS = r"(?:chpasswd|passwd|cryptsetup|kinit|--password-stdin|--with-token|--pass(?:phrase|word)-fd|-S\s)"
_LOGIN = r"\b (?:docker|podman|nerdctl|helm|buildah|skopeo|oras|oc|az|cf|npm) \s (?:registry\s)? login"

_KEYGEN = (rf"\b ssh-keygen {_WORDS} (?-i:-N|-P) \s? {_WORD}", "ssh-keygen")
_SNMP = (rf"\b snmp\w+ {_WORDS} (?-i:-A|-X|-c) \s? {_WORD}", "snmp")
_OF_OTHERS = (
    (
        rf"^\s* (?:requirepass|masterauth|auth_pass|bindpw) \s+ {_WORD}",
        "requirepass",
        "masterauth",
        "auth_pass",
        "bindpw",
    ),
    (rf"^\s* (?-i:ENV|ARG) \s+ \w* (?:pass|password|token|secret|key) \s+ {_WORD}", "env", "arg"),
    (r"\b stats \s+ auth \s+ [^\s:]+ : (?P<secret> \S+ )", "stats"),
    (r"^\s* (?:acl\s+set)? user \s+ \S+ \s (?: .{0,200}? \s )?? > (?P<secret> [^\s>]+ )", "user"),
    (r"^\s* (?-i:AUTH) \s+ (?:(?-i:PLAIN|LOGIN)\s+)? (?P<secret> (?=\S*\d) \S{6,} )", "auth"),
    (r"^ [\w.*-]+ : (?:543\d|6432|\*) : [^:\s]+ : [^:\s]+ : (?P<secret> \S+ ) $", ":"),
    _KEYGEN,
    _KEYGEN,  # it takes an old and a new one
    _SNMP,
    _SNMP,
    (rf"\b openssl {_WORDS} -k \s {_WORD}", "openssl"),
    (rf"\b (?:zip|unzip) {_WORDS} (?-i:-P) \s? {_WORD}", "zip"),
    (rf"\b (?:7z\w?|rar|unrar) {_WORDS} (?-i:-p) {_WORD}", "7z", "rar"),
    (rf"\b (?:wpa_passphrase|radtest|net\ user) \s+ \S+ \s+ (?!/) {_WORD}", "wpa_pass", "radtest", "net user"),
    (r"\b lftp \s .{0,300}? -u [\s=]? [^\s,]+ , (?P<secret> \S+ )", "lftp"),
    (r"\b (?:sqlplus|rman|expdp|impdp) \s .{0,300}? [\w$#]+ / (?P<secret> [^\s@\"'/]+ ) @", "sqlplus", "rman", "dp"),
    (rf"\b (?:aws_)?secret_access_key \s+ {_WORD}", "secret_access_key"),
    (rf"\b rabbitmqctl {_WORDS} (?:add_user|change_password) \s+ \S+ \s+ {_WORD}", "rabbitmqctl"),
)  # fmt: skip
"""Of programs that few use, and of lines in their files."""


_OF_PROGRAMS = (
    # Its user alone may be a token.
    (rf"\b (?:curl|xh) {_WORDS} (?:-u|--user|-U|--proxy-user) [\s=]? {_WORD}", "curl", "xh"),
    (rf"\b (?:http|https|xh) {_WORDS} (?:-a|--auth) [\s=] {_WORD}", "http", "xh"),
    (
        rf"\b (?:ctr|nerdctl|etcdctl) {_WORDS} (?:-u|--user) [\s=] (?!\d+(?::\d+)?\s) {_WORD}",
        "ctr",
        "nerdctl",
        "etcdctl",
    ),
    (rf"(?<!\S) --(?:src-|dest-)?creds [\s=] {_WORD}", "creds"),
    (rf"{_LOGIN} {_WORDS} -p [\s=]? {_WORD}", "login"),
    (
        rf"\b (?:mongo\w*|ipmitool|sqlcmd|rdesktop) {_WORDS} -p [\s=]? {_WORD}",
        "mongo",
        "ipmi",
        "sqlcmd",
        "rdesktop",
    ),
    (rf"\b vault \s login {_WORDS} (?![\w.-]+=|-) {_WORD}", "vault"),
    (r"\b smbclient \s .{0,300}? -U [\s=]? [^\s%]+ % (?P<secret> \S+ )", "smbclient"),
    (rf"\b rootpw \s+ (?:--(?:iscrypted|plaintext)\s+)? (?!-) {_WORD}", "rootpw"),
    (r"\b chpasswd .{0,100}? [\"'\[] \s* [\w.-]+ : (?P<secret> [^\s\"'\],}]+ )", "chpasswd"),
    (rf"\b sshpass {_WORDS} -p \s? {_WORD}", "sshpass"),
    (rf"\b (?:mysql|mariadb)\S* {_WORDS} -p {_WORD}", "mysql", "mariadb"),
    (rf"\b redis-cli {_WORDS} (?:-a|--pass) \s {_WORD}", "redis-cli"),
    (rf"\b ldap\w+ {_WORDS} -w \s {_WORD}", "ldap"),
    (rf"\b (?:useradd|usermod) {_WORDS} (?:-p|--password) [\s=] {_WORD}", "useradd", "usermod"),
    (
        rf"\b htpasswd {_WORDS} -\w*b\w* \s+ (?:-\S*\s+){{0,4}} (?:[^\s-]\S*\s+){{1,2}}? {_WORD} \s*$",
        "htpasswd",
    ),
    (rf"--from-literal [\s=] ['\"]? [^\s=]+ = {_WORD}", "--from-literal"),
    (r"\b pass: (?P<secret> [^\s\"']+ )", "pass:"),
    (
        rf"\b (?:echo|printf) \s+ (?:-\w+\s+){{0,4}} {_WORD} (?= \s*\| .{{0,300}}? {_READERS} )",
        "echo",
        "printf",
    ),
    (rf"{_READERS} .{{0,300}}? <<< \s* {_WORD}", "<<<"),
    (rf"\b (?:machine|login|default) {_WORDS} password \s+ {_WORD}", "password"),
)
"""Of programs that many use."""
_IN_WORDS = (
    (rf"\b identified\ (?:with\ \S+\ )?(?:by|as) \s+ {_WORD}", "identified"),
    (rf"\b (?:with|encrypted|set)\ password \s*=?\s* {_WORD}", "password"),
    (r"\b (?:pass(?:word|phrase|wd)|psk) \s+ (?P<secret> \"[^\"]+\" | '[^']+' )", "pass", "psk"),
    # In words: "the password is ..."; a verb that follows has no digit.
    (
        r"\b (?:pass(?:word|phrase|wd)|token|secret|key) \s+ (?:is|was|set\ to|changed\ to) \s*:?\s+"
        r" (?P<secret> (?=\S*\d) (?!\d+\w?[\s.,]) \S{6,} )",
        "pass",
        "token",
        "secret",
        "key",
    ),
    (r"\b pass(?:word|phrase|wd) \s+ (?P<secret> (?=\S*[a-z]) (?=\S*\d) [^\s:=]{6,} ) (?!\s*[:=])", "pass"),
    # What a line of chpasswd looks like; the name of a group has small letters only.
    (
        r"^\s* (?:root|admin|ubuntu|debian|craton|core|fedora|centos|ec2-user|user|pi) :"
        r" (?P<secret> (?=[^\s:]*[^a-z_\s:-]) [^\s:]+ ) \s*$",
        ":",
    ),
)
"""In SQL, in sentences, and in lines of chpasswd."""


@cache
def rules() -> tuple[Rule, ...]:
    """What is looked for, in this order."""
    return tuple(
        rule(pattern, *hints, flags=re.IGNORECASE) for pattern, *hints in (*_OF_PROGRAMS, *_OF_OTHERS, *_IN_WORDS)
    )
