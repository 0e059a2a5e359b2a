"""Secrets that tools of other people are given, and lines of their files: more of the table in `secret_lines`."""

from __future__ import annotations

from tests.installer.common.secret_lines import AWS_KEY, HEX, PASSWORD, Secret

_MIXED = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xYz"


def _of(text: str, secret: str = PASSWORD, kept: str = "") -> Secret:
    return Secret(text.replace(secret, "SECRET"), text, (secret,), kept)


OF_TOOLS = (
    _of(f"etcdctl --endpoints https://10.0.0.1:2379 --user root:{PASSWORD} get /", f"root:{PASSWORD}", "10.0.0.1:2379"),
    _of(f"openssl enc -aes-256-cbc -k {PASSWORD}", kept="-aes-256-cbc -k"),
    _of(f"zip -r -P {PASSWORD} a.zip x", kept="a.zip"),
    _of(f"7z a -p{PASSWORD} a.7z", kept="a.7z"),
    _of(f"ssh-keygen -t ed25519 -N {PASSWORD} -f key", kept="-f key"),
    Secret("both passphrases", f"ssh-keygen -p -P {PASSWORD} -N new-{HEX[:8]}", (PASSWORD, HEX[:8]), "ssh-keygen -p"),
    Secret("both keys of snmp", f"snmpget -u u -A {PASSWORD} -X pw-{HEX[:8]} h", (PASSWORD, HEX[:8]), "snmpget -u u"),
    _of(f"wpa_passphrase ssid {PASSWORD}", kept="ssid"),
    _of(f"radtest bob {PASSWORD} 10.0.0.1 0 s", kept="10.0.0.1"),
    _of(f"net user bob {PASSWORD} /add", kept="/add"),
    _of(f"lftp -u bob,{PASSWORD} ftp.example.test", kept="ftp.example.test"),
    _of(f"sqlplus scott/{PASSWORD}@db", kept="@db"),
    _of(f"aws configure set aws_secret_access_key {AWS_KEY}", AWS_KEY, "aws configure"),
    _of(f"gh auth login --with-token <<< {_MIXED}", _MIXED, "gh auth login"),
    _of(f"rabbitmqctl change_password bob {PASSWORD}", kept="bob"),
    _of(f"bindpw {PASSWORD}", kept="bindpw"),
    _of(f"    auth_pass {PASSWORD}", kept="auth_pass"),
    _of(f"ENV DB_PASSWORD {PASSWORD}", kept="ENV DB_PASSWORD"),
    _of(f"    stats auth admin:{PASSWORD}", kept="admin:"),
    _of(f"ACL SETUSER default on >{PASSWORD} ~*", kept="~*"),
    _of(f"AUTH {PASSWORD}", kept="AUTH"),
    _of(f"db.example.test:5432:shop:bob:{PASSWORD}", kept="db.example.test:5432:shop:bob:"),
    _of(f"UID=sa;PWD={PASSWORD};", kept="UID=sa;PWD="),
    _of(f"BEARER={_MIXED}", _MIXED, "BEARER="),
    _of(f"ca_key={_MIXED}", _MIXED, "ca_key="),
    _of(f"BW_SESSION={_MIXED}", _MIXED, "BW_SESSION="),
    _of(f"Authorization: SSWS {_MIXED}", _MIXED),
    _of(f'"bob" "md5{HEX[:32]}"', HEX[:32], '"bob"'),
    _of(f"grub.pbkdf2.sha512.10000.{HEX.upper()}", HEX.upper()),
    _of(f"got s.{_MIXED[:24]} from vault", _MIXED[:24], "from vault"),
    _of(f"https://api.telegram.org/bot123456789:AA{_MIXED}/getMe", _MIXED, "api.telegram.org"),
    _of(f"NRAK-{_MIXED[:27].upper()}", _MIXED[:27].upper()),
)

OF_TOOLS_HARMLESS = (
    "etcdctl endpoint health --user-agent x",
    "openssl x509 -in /etc/kubernetes/pki/ca.crt -noout -enddate",
    "unzip -p a.zip file.txt",
    "ssh-keygen -lf /root/.ssh/id_ed25519",
    "net user bob /delete",
    "ENV PATH /usr/local/bin:/usr/bin",
    "user bob logged in > session opened",
    "AUTH failed for bob",
    "stats: 3 nodes",
    "10.0.0.1:443:tcp:open:yes",
    "PWD=/root",
    "the md5 sum is missing",
    "snmpd.service: active",
)
