"""Texts that hold a secret, and lines that look as if they did: one table for every test of redaction.

No secret here opens anything. Some are put together from pieces so that scanners of repositories leave this file alone.
"""

from __future__ import annotations

from dataclasses import dataclass

HEX = "5f2c81d09ba7436e5f2c81d09ba7436e5f2c81d09ba7436e5f2c81d09ba7436e"
TOKEN = "q7w2ek.9zx8cv7bn6m5qwer"
PASSWORD = "hunter2-Zq8"
BASE64 = "dXNlcjpodW50ZXIyLVpxOA=="
BODY = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz"
TAIL = "c2gtZWQyNTUxOQAAACDk="
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ" + ".eyJpc3MiOiJrdWJlcm5ldGVzIn0" + ".c2lnbmF0dXJlLWhlcmU"
KEY_IN_BASE64 = "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlFb3dJQkFBS0NBUUVB"
AWS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzR8vEXAMPLE"[:40]


@dataclass(frozen=True, slots=True)
class Secret:
    """A text, the parts of it that nobody may see, and a part that must still be there (where there is one)."""

    id: str
    text: str
    hidden: tuple[str, ...]
    kept: str = ""


def _s(id: str, text: str, *hidden: str, kept: str = "") -> Secret:
    return Secret(id, text, hidden, kept)


def _pem(kind: str, *headers: str) -> str:
    return "\n".join([f"-----BEGIN {kind}-----", *headers, BODY, BODY, TAIL, f"-----END {kind}-----"])


_KUBEADM = (
    _s("bootstrap token", f"kubeadm join --token {TOKEN} 10.0.0.1:6443", TOKEN, kept="10.0.0.1:6443"),
    _s("bootstrap token in words", f"[bootstrap-token] Using token: {TOKEN}", TOKEN, kept="Using token:"),
    _s("bootstrap token alone", TOKEN, TOKEN),
    _s("bootstrap token without digits", "token=abcdef.abcdefghijklmnop", "abcdef.abcdefghijklmnop", kept="token="),
    _s("certificate key of craton-node", f"certificate_key={HEX}", HEX, kept="certificate_key="),
    _s("certificate key as a flag", f"--control-plane --certificate-key {HEX}", HEX, kept="--control-plane"),
    _s("certificate key with an equals sign", f"--certificate-key={HEX}", HEX),
    _s("certificate key on the next line", f"[upload-certs] Using certificate key:\n{HEX}\nnext", HEX, kept="next"),
    _s("certificate key two lines down", f"Using certificate key:\n\n  {HEX}", HEX),
    _s("certificate key in YAML", f"  certificateKey: {HEX}", HEX, kept="  certificateKey: "),
    _s("certificate key in JSON", f'{{"certificateKey":"{HEX}","x":1}}', HEX, kept='"x":1}'),
    _s("certificate key in JSON with blanks", f'"certificateKey" : "{HEX}"', HEX),
    _s("token after a line's end", f"kubeadm join 10.0.0.1:6443 --token \\\n  {TOKEN.upper()} \\", TOKEN.upper()),
    _s("encryption key", f"encryption_key={BODY[:43]}=", BODY[:43], kept="encryption_key="),
    _s("encryption configuration", f"      - name: key1\n        secret: {BODY[:43]}=", BODY[:43], kept="key1"),
    _s("web token", f"saw {JWT} there", JWT, kept="there"),
    _s("web token without a signature", f"{JWT.rpartition('.')[0]}.", JWT.rpartition(".")[0]),
    _s("client key", f"    client-key-data: {KEY_IN_BASE64}", KEY_IN_BASE64, kept="client-key-data:"),
    _s("client key in JSON", f'"client-key-data":"{KEY_IN_BASE64}"', KEY_IN_BASE64),
    _s("client key on the next line", f"    client-key-data:\n      {BODY}", BODY),
    _s("a key in base64 under any name", f"blob {KEY_IN_BASE64}", KEY_IN_BASE64),
    _s("k3s token", f"K10{HEX}::server:{HEX[:32][::-1]}", HEX[:32][::-1]),
)
_KEYS = (
    _s("OpenSSH key", f"before\n{_pem('OPENSSH PRIVATE KEY')}\nafter", BODY, TAIL, kept="after"),
    _s("RSA key", _pem("RSA PRIVATE KEY"), BODY, TAIL),
    _s("encrypted RSA key", _pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0A1B", ""), BODY),
    _s("PKCS 8", _pem("PRIVATE KEY"), BODY, TAIL),
    _s("encrypted PKCS 8", _pem("ENCRYPTED PRIVATE KEY"), BODY, TAIL),
    _s("EC key", _pem("EC PRIVATE KEY"), BODY, TAIL),
    _s("DSA key", _pem("DSA PRIVATE KEY"), BODY, TAIL),
    _s("PGP key", _pem("PGP PRIVATE KEY BLOCK", "Version: GnuPG v2", "", "=abcd"), BODY, TAIL),
    _s("key of SSH2", f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n{BODY}\n{TAIL}", BODY, TAIL),
    _s("half a key", f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}", BODY),
    _s("key in one line", _pem("PRIVATE KEY").replace("\n", "\\n"), BODY, TAIL),
    _s(
        "key in YAML",
        "tls.key: |\n  " + _pem("EC PRIVATE KEY").replace("\n", "\n  ") + "\nrest: 1",
        BODY,
        kept="rest: 1",
    ),
    _s(
        "key behind a log's prefix",
        "\n".join(f"Nov 28 15:00:01 m1 app[7]: {line}" for line in _pem("PRIVATE KEY").split("\n")),
        BODY,
        TAIL,
    ),
    _s(
        "key behind line numbers",
        "\n".join(f"{n:4}\t{line}" for n, line in enumerate(_pem("PRIVATE KEY").split("\n"))),
        BODY,
        TAIL,
    ),
    _s("key in a difference", "\n".join(f"+{line}" for line in _pem("PRIVATE KEY").split("\n")), BODY, TAIL),
    _s(
        "PuTTY key",
        f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 2\n{BODY}\n{TAIL}\nPrivate-MAC: {HEX}",
        BODY,
        TAIL,
        HEX,
    ),
    _s(
        "age key",
        "AGE-SECRET-KEY-1" + "QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" + "QQPZRY9X8GF2TVDW0S3JN54KH",
        "QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    ),
    _s("WireGuard key", f"PrivateKey = {BODY[:43]}=", BODY[:43]),
    _s("the middle of a key", f"{BODY}\n{BODY}", BODY),
    _s("the end of a key", ("MIIE" * 16 + "\n") * 3 + "-----END RSA PRIVATE KEY-----", "MIIE"),
    _s("key of a secret", f"  tls.key: {BODY}{BODY}", BODY),
)
_URLS = (
    _s("password in a URL", f"http://proxy:{PASSWORD}@10.0.0.9:3128/x", PASSWORD, kept="@10.0.0.9:3128/x"),
    _s("password with an at sign", "http://user:a@bsecret@host/x", "a@bsecret", "bsecret", kept="@host/x"),
    _s("password with a slash", "http://user:a/bsecret@host/x", "a/bsecret", "bsecret", kept="@host/x"),
    _s("password with a question mark", "http://user:a?b#csecret@host", "csecret", kept="@host"),
    _s("password in percent signs", "http://user:p%40ss%2Fsecret@host/", "p%40ss%2Fsecret"),
    _s("password without a user", f"redis://:{PASSWORD}@cache:6379/0", PASSWORD, kept="@cache:6379/0"),
    _s("postgres", f"postgres://app:{PASSWORD}@db:5432/app?sslmode=disable", PASSWORD, kept="@db:5432/app"),
    _s("mongodb", f"mongodb+srv://app:{PASSWORD}@a.example.test,b.example.test/x", PASSWORD),
    _s("amqp in quotes", f'url="amqp://app:{PASSWORD}@mq//"', PASSWORD),
    _s("token in a URL", f"https://{HEX[:40]}@git.example.test/a/b.git", HEX[:40], kept="@git.example.test/a/b.git"),
    _s("token in a query", f"GET /hook?token={PASSWORD}&a=1 HTTP/1.1", PASSWORD, kept="GET /hook?token="),
    _s("proxy without a scheme", f"http_proxy=x:{PASSWORD}@10.0.0.9:3128", PASSWORD, kept="@10.0.0.9:3128"),
    _s("signature of Azure", "https://x.blob.example.test/c?sv=2024&sig=abc%2Bdef1234567%3D", "abc%2Bdef1234567%3D"),
    _s("signature of S3", f"https://b.example.test/o?X-Amz-Signature={HEX}", HEX),
    _s(
        "connection string of libpq",
        f"host=db user=app password={PASSWORD} dbname=x",
        PASSWORD,
        kept="host=db user=app",
    ),
    _s("connection string of ADO", f"Server=db;Uid=app;Pwd={PASSWORD};Database=x", PASSWORD, kept="Server=db;"),
    _s(
        "connection string of Azure", f"AccountName=x;AccountKey={BODY}==;EndpointSuffix=y", BODY, kept="AccountName=x;"
    ),
    _s("JDBC", f"jdbc:mysql://db/app?user=app&password={PASSWORD}", PASSWORD),
)
_HEADERS = (
    _s("basic", f"Authorization: Basic {BASE64}", BASE64, kept="Authorization: "),
    _s("basic in lower case", f"authorization: basic {BASE64}", BASE64),
    _s("basic in upper case", f"AUTHORIZATION: BASIC {BASE64}", BASE64),
    _s("proxy", f"Proxy-Authorization: Basic {BASE64}", BASE64),
    _s("bearer", f"Authorization: Bearer {PASSWORD}{PASSWORD}", PASSWORD),
    _s("bearer by itself", f"sent bearer {HEX[:32]} to it", HEX[:32], kept="to it"),
    _s("header in JSON", f'{{"authorization":"Basic {BASE64}","a":1}}', BASE64, kept='"a":1}'),
    _s("header of Go", f"map[Authorization:[Basic {BASE64}] Accept:[*/*]]", BASE64),
    _s("header that curl shows", f"> authorization: Basic {BASE64}", BASE64),
    _s("header of curl", f"curl -H 'Authorization: token {HEX[:40]}' https://h/x", HEX[:40]),
    _s("token header", f"X-Auth-Token: {HEX[:32]}", HEX[:32], kept="X-Auth-Token: "),
    _s("vault header", f"X-Vault-Token: hvs.{HEX[:24]}", HEX[:24]),
    _s("api key header", f"x-api-key: {HEX[:32]}", HEX[:32]),
    _s("digest", f'Authorization: Digest username="u", nonce="n", response="{HEX[:32]}"', HEX[:32]),
    _s("cookie", f"Cookie: theme=dark; session={HEX[:32]}", HEX[:32], kept="Cookie: "),
    _s("set-cookie", f"set-cookie: sid={HEX[:32]}; HttpOnly; Path=/", HEX[:32]),
)
_FORMS = (
    _s("equals", f"password={PASSWORD}", PASSWORD, kept="password="),
    _s("colon", f"password: {PASSWORD}", PASSWORD, kept="password: "),
    _s("colon without a blank", f"password:{PASSWORD}", PASSWORD),
    _s("JSON", f'{{"user":"x","password":"{PASSWORD}"}}', PASSWORD, kept='{"user":"x","password":"'),
    _s("JSON with an escaped quote", r'{"password":"ab\"cdsecret"}', "cdsecret"),
    _s("JSON in JSON", rf'{{"body":"{{\"password\":\"{PASSWORD}\"}}"}}', PASSWORD),
    _s("a Python dictionary", f"{{'user': 'x', 'password': '{PASSWORD}'}}", PASSWORD),
    _s("Ruby", f':password => "{PASSWORD}"', PASSWORD),
    _s("Go", f'Config{{User:"x", Password:"{PASSWORD}"}}', PASSWORD),
    _s("XML", f"<password>{PASSWORD}</password>", PASSWORD),
    _s("environment", f"export DB_PASSWORD='{PASSWORD}'", PASSWORD, kept="export DB_PASSWORD="),
    _s("environment with blanks", 'POSTGRES_PASSWORD="correct horse battery"', "horse", "battery"),
    _s("ini", f"[db]\npassword = {PASSWORD}\nhost = x", PASSWORD, kept="host = x"),
    _s("YAML of several words", "  password: correct horse battery staple", "correct", "battery"),
    _s("YAML block", f"password: |\n  {PASSWORD}\n  more-{PASSWORD}\nhost: x", PASSWORD, kept="host: x"),
    _s("YAML folded", f"apiToken: >-\n  {HEX[:20]}\nhost: x", HEX[:20], kept="host: x"),
    _s("YAML in braces", f"db: {{user: x, password: {PASSWORD}, port: 1}}", PASSWORD),
    _s(
        "YAML of a container",
        f"- name: DB_PASSWORD\n  value: {PASSWORD}\n- name: HOST\n  value: x",
        PASSWORD,
        kept="value: x",
    ),
    _s("JSON of a container", f'{{"name":"DB_PASSWORD","value":"{PASSWORD}"}}', PASSWORD),
    _s("camel case", f"dbPassword={PASSWORD} clientSecret={HEX[:20]}", PASSWORD, HEX[:20]),
    _s("capitals", f"PASSWORD={PASSWORD}", PASSWORD),
    _s("passphrase", f"passphrase: {PASSWORD}", PASSWORD),
    _s("passwd", f"passwd={PASSWORD}", PASSWORD),
    _s("opaque token", "token: hunter2zq8", "hunter2zq8", kept="token: "),
    _s("opaque token in JSON", '{"token":"hunter2zq8"}', "hunter2zq8"),
    _s("refresh token", f"refresh_token={PASSWORD}", PASSWORD),
    _s("client secret", f"client_secret: {PASSWORD}", PASSWORD),
    _s("api key", f"API_KEY={HEX[:20]}", HEX[:20]),
    _s("password in a log line", f'level=info msg="connect" user=x password="{PASSWORD}"', PASSWORD, kept="user=x"),
    _s("a user's own password in the environment", f"SSHPASS={PASSWORD} sshpass -e ssh m", PASSWORD),
    _s("password of mysql in the environment", f"MYSQL_PWD={PASSWORD} mysql", PASSWORD),
    _s("in words", f"the initial password is {PASSWORD}", PASSWORD, kept="the initial password is"),
    _s("in words with a colon", f"admin password is: {PASSWORD}", PASSWORD),
    _s("after the word", f"enable password {PASSWORD}", PASSWORD),
    _s("in quotes after the word", 'vpn : PSK "correct horse"', "horse"),
    _s("HTML", f"{{&quot;password&quot;:&quot;{PASSWORD}&quot;}}", PASSWORD),
    _s("a form", f"user%3Dx%26password%3D{PASSWORD}", PASSWORD),
    _s("short name", f"dbpass: {PASSWORD}", PASSWORD),
    _s("Windows lines", f"password={PASSWORD}\r\nhost=x\r\n", PASSWORD, kept="host=x"),
    _s("prompt and answer", f"Enter password:\n{PASSWORD}\nok then", PASSWORD, kept="ok then"),
    _s(
        "secret of Kubernetes",
        f"apiVersion: v1\nkind: Secret\ndata:\n  anything: {BASE64}\ntype: Opaque",
        BASE64,
        kept="Opaque",
    ),
    _s(
        "secret as kubectl prints it",
        f"apiVersion: v1\ndata:\n  anything: {BASE64}\nkind: Secret",
        BASE64,
        kept="kind: Secret",
    ),
    _s("secret in JSON", f'{{"kind":"Secret","data":{{"anything":"{BASE64}"}}}}', BASE64),
    _s("secret in clear", f"kind: Secret\nstringData:\n  anything: {PASSWORD}\ntype: Opaque", PASSWORD, kept="Opaque"),
)
_COMMANDS = (
    _s("curl -u", f"curl -u admin:{PASSWORD} https://h/x", PASSWORD, kept="https://h/x"),
    _s("curl --user in quotes", f"curl -s --user 'admin:{PASSWORD}' https://h", PASSWORD),
    _s("curl -u without a blank", f"curl -uadmin:{PASSWORD} https://h", PASSWORD),
    _s(
        "docker login", f"docker login -u x -p {PASSWORD} registry.example.test", PASSWORD, kept="registry.example.test"
    ),
    _s("docker login in long", f"docker login --username x --password {PASSWORD} r.example.test", PASSWORD),
    _s("password over a pipe", f"echo {PASSWORD} | docker login -u x --password-stdin r", PASSWORD),
    _s("sshpass", f"sshpass -p {PASSWORD} ssh root@m", PASSWORD, kept="ssh root@m"),
    _s("mysql", f"mysql -u root -p{PASSWORD} app", PASSWORD),
    _s("redis", f"redis-cli -a {PASSWORD} ping", PASSWORD),
    _s("skopeo", f"skopeo copy --dest-creds x:{PASSWORD} a b", PASSWORD),
    _s("ctr", f"ctr images pull --user x:{PASSWORD} r/x", PASSWORD),
    _s(
        "kubectl create secret",
        f"kubectl create secret generic db --from-literal=a={PASSWORD}",
        PASSWORD,
        kept="secret generic db",
    ),
    _s("registry secret", f"kubectl create secret docker-registry r --docker-password={PASSWORD}", PASSWORD),
    _s("kubectl config", f"kubectl config set-credentials x --token={PASSWORD}", PASSWORD),
    _s("flag with a blank", f"app --token {PASSWORD} --port 1", PASSWORD, kept="--port 1"),
    _s("flag of helm", f"helm repo add r https://h --username x --password {PASSWORD}", PASSWORD),
    _s("set of helm", f"helm install x --set auth.password={PASSWORD}", PASSWORD),
    _s("openssl", f"openssl pkcs12 -in x -passin pass:{PASSWORD}", PASSWORD),
    _s("chpasswd over a pipe", f"echo 'root:{PASSWORD}' | chpasswd", PASSWORD),
    _s("chpasswd in a block", f"chpasswd <<EOF\nroot:{PASSWORD}\nbob:simple\nEOF", PASSWORD, "simple"),
    _s(
        "chpasswd of cloud-init",
        f"chpasswd:\n  list: |\n    root:{PASSWORD}\n    bob:simple\nrest: 1",
        PASSWORD,
        "simple",
        kept="rest: 1",
    ),
    _s("chpasswd of cloud-init in one line", f'chpasswd: {{expire: false, list: "root:{PASSWORD}"}}', PASSWORD),
    _s("mongo", f"mongosh -u x -p {PASSWORD} --host h", PASSWORD, kept="--host h"),
    _s("vault", f"vault login {HEX[:26]}", HEX[:26]),
    _s("smbclient", f"smbclient -U x%{PASSWORD} //h/x", PASSWORD),
    _s("kickstart", f"rootpw --plaintext {PASSWORD}", PASSWORD),
    _s("line for chpasswd", f"root:{PASSWORD}", PASSWORD),
    _s("shadow", "root:$6$saltsalt$Zq8XyZq8XyZq8Xy:19000:0:99999:7:::", "Zq8XyZq8XyZq8Xy"),
    _s("htpasswd", "admin:$apr1$saltsalt$Zq8XyZq8XyZq8Xy", "Zq8XyZq8XyZq8Xy"),
    _s("bcrypt", "hash $2b$12$abcdefghijklmnopqrstuuZq8XyZq8XyZq8XyZq8XyZq8XyZq8Xy.", "Zq8XyZq8XyZq8Xy"),
    _s("netrc", f"machine git.example.test login x password {PASSWORD}", PASSWORD, kept="machine git.example.test"),
    _s("redis.conf", f"requirepass {PASSWORD}", PASSWORD),
    _s("SQL", f"CREATE USER app IDENTIFIED BY '{PASSWORD}';", PASSWORD),
    _s("SQL of Postgres", f"ALTER USER app WITH PASSWORD '{PASSWORD}';", PASSWORD),
    _s("ldap", f"ldapsearch -D cn=x -w {PASSWORD} -b dc=x", PASSWORD),
)
_MAKERS = (
    _s("AWS key id", "key AKIA" + "IOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"),
    _s("AWS secret key", f"aws_secret_access_key = {AWS_KEY}", AWS_KEY),
    _s("AWS secret key in JSON", f'"SecretAccessKey": "{AWS_KEY}"', AWS_KEY),
    _s("AWS secret key alone", f"saw {AWS_KEY} there", AWS_KEY, kept="there"),
    _s("AWS session", f"AWS_SESSION_TOKEN={BODY}", BODY),
    _s("docker auth", f'"auth": "{BASE64}"', BASE64),
    _s("docker auths", f'{{"auths":{{"r.example.test":{{"auth":"{BASE64}"}}}}}}', BASE64, kept="r.example.test"),
    _s("docker configuration", f"  .dockerconfigjson: {BODY}", BODY),
    _s("GitHub", "x gh" + "p_" + HEX[:36], HEX[:36]),
    _s("GitHub server token", "gh" + "s_" + HEX[:36], HEX[:36]),
    _s("GitHub fine grained", "github" + "_pat_" + HEX[:22] + "_" + HEX[:59], HEX[:22]),
    _s("GitLab", "gl" + "pat-" + HEX[:20], HEX[:20]),
    _s("Slack", "xox" + "b-123456789012-123456789012-" + HEX[:24], HEX[:24]),
    _s("Slack hook", "https://hooks.slack.com/serv" + "ices/T0000000/B0000000/" + HEX[:24], HEX[:24]),
    _s("Google API key", "AI" + "zaSyA" + HEX[:32], HEX[:32]),
    _s("Google access token", "ya" + "29.a0" + HEX[:40], HEX[:40]),
    _s("Azure client secret", "abc8Q" + "~" + HEX[:34], HEX[:34]),
    _s("Stripe", "sk" + "_live_" + HEX[:24], HEX[:24]),
    _s("OpenAI", "sk" + "-proj-" + HEX[:40], HEX[:40]),
    _s("npm", "np" + "m_" + HEX[:36], HEX[:36]),
    _s("PyPI", "py" + "pi-AgEIcHlwaS5vcmc" + HEX[:40], HEX[:40]),
    _s("Docker Hub", "dckr" + "_pat_" + HEX[:27], HEX[:27]),
    _s("DigitalOcean", "dop" + "_v1_" + HEX, HEX),
    _s("Vault", "hv" + "s." + HEX[:40], HEX[:40]),
    _s("SendGrid", "SG" + "." + HEX[:22] + "." + HEX[:43], HEX[:43]),
    _s("Telegram", "bot 123456789:AA" + HEX[:33], HEX[:33]),
    _s("Terraform", HEX[:14] + ".atlas" + "v1." + HEX + "0", HEX),
    _s("Grafana", "gl" + "sa_" + HEX[:32] + "_" + HEX[:8], HEX[:32]),
    _s("Tailscale", "ts" + "key-auth-" + HEX[:12] + "-" + HEX[:32], HEX[:32]),
)

SECRETS = (*_KUBEADM, *_KEYS, *_URLS, *_HEADERS, *_FORMS, *_COMMANDS, *_MAKERS)
