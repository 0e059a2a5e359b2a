"""Secrets that are known by their own shape, wherever they are."""

from __future__ import annotations

import re
from functools import cache

from installer.common.redaction.rules import Rule, rule

_SCHEMES = (
    r"(?:basic|bearer|digest|negotiate|ntlm|token|api-?key|aws4-\S+|hmac\S*|hawk|sharedkey\w*|scram\S*|oauth|dpop)"
)


@cache
def rules() -> tuple[Rule, ...]:
    """What is looked for, in this order."""
    return (*_of_kubernetes(), *_of_keys(), *_of_urls(), *_of_headers(), *_of_makers())


def _of_kubernetes() -> tuple[Rule, ...]:
    return (
        # kubeadm's bootstrap token; of 1,000 at most one has no digit, and module names have none
        rule(r"\b (?=[a-z.]{0,22}\d) [a-z0-9]{6} \. [a-z0-9]{16} \b"),
        rule(
            r"(?<![\w-]) eyJ[\w-]{8,} \. [\w-]{8,} (?: \.[\w-]* ){0,3}", "eyj"
        ),  # a JSON Web Token, signed, encrypted or bare
        rule(r"(?<= ::) [\w-]+ : (?P<secret> [0-9a-f]{16,} ) \b", "::"),  # a node token of k3s
    )


def _of_keys() -> tuple[Rule, ...]:
    return (
        rule(
            r"-{4,5}\ ?BEGIN\ [A-Z0-9\ ]*PRIVATE\ KEY .*? (?: -{4,5}\ ?END\ [^-]*PRIVATE\ KEY[^-]*-{4,5} | $ )",
            "private key",
        ),
        rule(r"\b AQ[A-Za-z0-9+/]{36}==", "=="),  # of Ceph
        # "-----BEGIN " in base64, of no certificate
        rule(r"\b LS0tLS1CRUdJTiB(?!D) [A-Za-z0-9+/=]+", "ls0tls1crudjtib"),
        rule(r"Private-(?:MAC|Hash): \s* (?P<secret> \S+ )", "private-"),  # of PuTTY's key files
        rule(r"\b AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9]+)-1[0-9A-Z]{20,}", "age-"),
        # 32 bytes in base64, but no sum of something
        rule(r"(?<!sha256-) (?<!sha256:) (?<![A-Za-z0-9+/]) [A-Za-z0-9+/]{43}= (?![A-Za-z0-9+/=])", "="),
        # an AWS secret key: 40 letters and digits in which capitals, small letters and digits are mixed
        rule(
            r"(?<![\w+/=.-]) (?=[A-Za-z0-9+/]{40}(?![\w+/=.-]))"
            r"(?=[^0-9]{0,39}[0-9]) (?=[^a-z]{0,39}[a-z]) (?=[^A-Z]{0,39}[A-Z]) [A-Za-z0-9+/]{40}"
        ),
        rule(  # crypt(3)
            r"\$ (?:1|2[abxy]?|5|6|7|y|gy|md5|sha1|apr1|scrypt|argon2(?:id|i|d)|pbkdf2[\w-]*)"
            r"\$ [^\s:'\"$]+ \$ [^\s:'\"]{8,}",
            "$",
        ),
    )


def _of_urls() -> tuple[Rule, ...]:
    return (
        # user and password, which may hold any of ":/?#@"; a port that a path follows is none
        rule(r"(?<=://) (?!\[) [^\s/?#@:\"'<>]* : (?! \d{1,5} (?:[/?#]|$) ) [^\s\"'<>]{1,512} (?=@)", "@"),
        rule(r"(?<=://) (?=[^\s@]{0,255}\d) [\w.~%+-]{20,255} (?=@)", "@"),
        # The same without a scheme; a digest follows an image's tag.
        rule(
            r"(?<![\w/.@+-]) (?!mailto:|sip:|xmpp:|acct:) [\w.+-]{1,64} : (?P<secret> [^\s:@/\"'<>]{3,128} )"
            r" @ (?!sha\d) (?= [\w.-]+ (?: :\d | \.\w ) )",
            "@",
        ),
        rule(
            r"(?<=[?&;]) (?:sig|signature|code|key|x-(?:amz|goog)-\w+)= (?P<secret> [^\s&;\"'<>]{8,} )", "=", flags=re.I
        ),
        rule(r"(?<=hooks\.slack\.com/) [\w/-]+ | (?<=/api/webhooks/) \d+/[\w-]+", "hook"),
    )


def _of_headers() -> tuple[Rule, ...]:
    return (
        rule(r"\b bearer \s+ (?P<secret> (?= \S*\d | \S{20} ) [\w.~+/=-]{8,} )", "bearer", flags=re.I),
        rule(
            r"\b basic \s+ (?P<secret> [A-Za-z0-9+/]{6,}={1,2} | (?=[A-Za-z+/]*\d) [A-Za-z0-9+/]{8,} )",
            "basic",
            flags=re.I,
        ),
        rule(r"\b digest \s+ (?P<secret> (?:username|realm|nonce|response|uri)\s*= .* )", "digest", flags=re.I),
        rule(  # a mode of Kubernetes is no scheme, and has no digit
            rf"authorization [\\\"']* \s* [:=] [\s\\\"'\[]*"
            rf"(?P<secret> {_SCHEMES}\ +[^\s\"'\]\\]+ | (?=\S*\d) [^\s\"'\]\\]{{8,}} )",
            "authorization",
            flags=re.I,
        ),
        rule(
            r"\b (?:set-)?cookie2? [\\\"']* \s* : [\s\\\"'\[]* (?P<secret> [^\s\"'=]+=[^\"'\\]* )", "cookie", flags=re.I
        ),
    )


def _of_makers() -> tuple[Rule, ...]:
    """Tokens that say who made them."""
    return (
        rule(r"\b (?:AKIA|ASIA|ABIA|ACCA) [A-Z0-9]{16} \b", "akia", "asia", "abia", "acca"),
        rule(r"\b gh[oprsu]_ \w{30,} | \b github_pat_ \w{22,}", "gh", "github_pat"),
        rule(r"\b gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct|sa)- [\w.-]{16,} | \b glsa_\w{30,}", "gl"),
        rule(r"\b xox[a-z](?:\.xox[a-z])?- [\w-]{10,} | \b xapp- [\w-]{10,}", "xox", "xapp"),
        rule(r"\b AIza [\w-]{35} | \b ya29\. [\w.-]{20,} | \b GOCSPX- [\w-]{20,}", "aiza", "ya29", "gocspx"),
        rule(r"\b [\w~.-]{3} 8Q~ [\w~.-]{31,}", "8q~"),
        rule(r"\b [rs]k_(?:live|test|prod)_ \w{10,} | \b whsec_ \w{20,}", "_live_", "_test_", "_prod_", "whsec"),
        rule(r"\b sk-(?:proj-|ant-|svcacct-|or-)? [\w-]{20,}", "sk-"),
        rule(r"\b npm_ \w{30,} | \b pypi-AgE [\w-]{20,} | \b rubygems_ \w{30,}", "npm_", "pypi-", "rubygems_"),
        rule(r"\b dckr_(?:pat|oat)_ [\w-]{20,} | \b hf_ \w{30,}", "dckr_", "hf_"),
        rule(r"\b do[opr]_v1_ \w{40,} | \b shp(?:at|ca|pa|ss)_ \w{30,}", "_v1_", "shp"),
        rule(r"\b hv[bsr]\. [\w-]{20,} | \b [\w]{14}\.atlasv1\. [\w-]{40,}", "hvs.", "hvb.", "hvr.", "atlasv1"),
        rule(r"\b SG\. [\w-]{16,} \. [\w-]{16,}", "sg."),
        rule(r"(?<!\d) \d{8,10}:AA [\w-]{32,} | \b NRAK- \w{20,}", ":aa", "nrak"),
        rule(r"(?<![\w.]) s\. (?=\w*\d) (?=\w*[A-Z]) (?=\w*[a-z]) \w{24} \b", "s."),  # of Vault, until 1.10
        rule(r"\b SSWS \s+ (?P<secret> [\w-]{20,} )", "ssws"),  # of Okta
        rule(r"\b md5[0-9a-f]{32} \b | \b grub\.pbkdf2\.sha\d+\.\d+\.\S+", "md5", "grub"),
        rule(r"\b tskey- [\w-]{16,} | \b (?:lin_api|sq0(?:atp|csp)|dapi|dp\.pt|ATATT3)[\w.=-]{20,}",
             "tskey", "lin_api", "sq0", "dapi", "dp.pt", "atatt3"),
        rule(r"\b key- [0-9a-f]{32} \b | \b SK[0-9a-f]{32} \b", "key-", "sk"),
    )  # fmt: skip
