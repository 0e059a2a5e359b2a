"""What people paste: lists of machines as eight programs write them, and the same with mistakes. Data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pasted:
    """`machines` are `address role`, then what else is known; `lines` are those of the text that they are in."""

    name: str
    text: str
    machines: tuple[str, ...]
    lines: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True)
class Broken:
    """`error` is how the only mistake begins."""

    name: str
    text: str
    error: str


_INI = """\
# from the wiki
gateway ansible_connection=local

[masters]
m1 ansible_host=10.0.0.11 ansible_user=root ansible_port=2222
m2 ansible_host=10.0.0.12 ansible_become_pass='s3 cret'

[apps]
web[1:2].example.test  ; two of them

[workers:children]
apps

[etcd]
m1

[all:vars]
ansible_user=ada
ntp_server=10.0.0.1
"""
_YAML = """\
---
all:
  vars: {ansible_user: ada, dns: 10.0.0.1}
  children:
    kube_control_plane:
      hosts:
        m1: {ansible_host: 10.0.0.11, ansible_port: 2222}
    kube_node:
      hosts:
        w1:
          ansible_host: 10.0.0.21
          ip: 10.1.0.21
        w2.example.test:   # no address
    etcd:
      hosts:
        m1:
    k8s_cluster:
      children:
        kube_control_plane:
        kube_node:
"""
_KUBECTL = """\
NAME   STATUS     ROLES           AGE    VERSION   INTERNAL-IP   EXTERNAL-IP   OS-IMAGE                         KERNEL-VERSION   CONTAINER-RUNTIME
m1     Ready      control-plane   5d3h   v1.36.2   10.0.0.11     <none>        Debian GNU/Linux 12 (bookworm)   6.1.0-18-amd64   containerd://1.7.24
w1     NotReady   <none>          5d3h   v1.36.2   10.0.0.21     203.0.113.7   Debian GNU/Linux 12 (bookworm)   6.1.0-18-amd64   containerd://1.7.24
"""  # noqa: E501
_TERRAFORM_JSON = """\
{
  "api_token": {"sensitive": true, "type": "string", "value": "hunter2"},
  "master_public_ips": {
    "sensitive": false,
    "type": ["tuple", ["string"]],
    "value": ["203.0.113.11"]
  },
  "master_private_ips": {"sensitive": false, "type": ["tuple", ["string"]], "value": ["10.0.0.11"]},
  "workers": {"sensitive": false, "type": ["map", "string"], "value": {
    "w1": "10.0.0.21",
    "w2": "10.0.0.22"
  }},
  "region": {"sensitive": false, "type": "string", "value": "eu-west-1"}
}
"""
_TERRAFORM = """\
Outputs:

api_token = <sensitive>
bastion = "203.0.113.5"
master_ips = [
  "10.0.0.11",
  "10.0.0.12",
]
region = "eu-west-1"
workers = tomap({
  "w1" = {
    "private_ip" = "10.0.0.21"
    "public_ip" = "203.0.113.21"
    "size" = 4
  }
})
"""

PASTED: tuple[Pasted, ...] = (
    Pasted("plain", "10.0.0.1 # old\nada@db:22\n", ("10.0.0.1 -", "db - user=ada port=22"), (1, 2)),
    Pasted(
        "hosts file",
        "127.0.0.1 localhost\n::1 localhost ip6-localhost\n# lab\n10.0.0.1\tweb1 web1.local # old\n10.0.0.2   web2\n",
        ("10.0.0.1 -", "10.0.0.2 -"),
        (4, 5),
        "Read as a list with lines of a hosts file. Ignored: the names web1, web1.local and web2; "
        "the local names localhost and ip6-localhost; 1 comment.",
    ),
    Pasted(
        "addresses with roles", "10.0.0.1 master\n10.0.0.2\tworker\n", ("10.0.0.1 master", "10.0.0.2 worker"), (1, 2)
    ),
    Pasted(
        "CSV with a header",
        'Name,IP Address,Role,"Rack, row",SSH User\nm1,10.0.0.11,control-plane,"a, 1",root\nw1,10.0.0.21,worker,b,\n',
        ("10.0.0.11 master user=root", "10.0.0.21 worker"),
        (2, 3),
        "Read as CSV. Ignored: the header; the column Rack, row.",
    ),
    Pasted(
        "CSV without a header",
        "# export\nm1;10.0.0.11;master;eu\nw1;10.0.0.21;worker;us\n",
        ("10.0.0.11 master", "10.0.0.21 worker"),
        (2, 3),
        "Read as CSV. Ignored: the column 4; 1 comment.",
    ),
    Pasted(
        "Ansible INI",
        _INI,
        (
            "10.0.0.11 master user=root port=2222",
            "10.0.0.12 master user=ada",
            "web1.example.test worker user=ada",
            "web2.example.test worker user=ada",
        ),
        (5, 6, 9),
        "Read as an Ansible inventory. Ignored: 1 comment; the local host gateway; "
        "the variables ntp_server and ansible_become_pass; the group etcd.",
    ),
    Pasted(
        "Ansible YAML",
        _YAML,
        (
            "10.0.0.11 master user=ada port=2222",
            "10.0.0.21 worker internal=10.1.0.21 user=ada",
            "w2.example.test worker user=ada",
        ),
        (7, 10, 13),
        "Read as an Ansible inventory in YAML. Ignored: the variable dns; the groups etcd and k8s_cluster.",
    ),
    Pasted(
        "kubectl get nodes -o wide",
        _KUBECTL,
        ("10.0.0.11 master", "203.0.113.7 worker internal=10.0.0.21"),
        (2, 3),
        "Read as the output of kubectl get nodes. Ignored: the columns STATUS, AGE, VERSION, OS-IMAGE and 2 more.",
    ),
    Pasted(
        "terraform output -json",
        _TERRAFORM_JSON,
        ("203.0.113.11 master internal=10.0.0.11", "10.0.0.21 worker", "10.0.0.22 worker"),
        (6, 10, 11),
        "Read as the output of terraform output -json. Ignored: the output region; the sensitive output api_token.",
    ),
    Pasted(
        "terraform output",
        _TERRAFORM,
        ("203.0.113.5 -", "10.0.0.11 master", "10.0.0.12 master", "203.0.113.21 worker internal=10.0.0.21"),
        (4, 6, 7, 13),
        "Read as the output of terraform output. Ignored: the output region; the sensitive output api_token.",
    ),
    Pasted(
        "YAML with aliases",
        "all: &a\n  hosts:\n    m1: *a\n    m2: {ansible_host: *a}\n  children:\n    workers: *a\n",
        ("m1 -", "m2 -"),
        (3, 4),
        "Read as an Ansible inventory in YAML.",
    ),
    Pasted(
        "groups in a circle",
        "[a:children]\nb\n[b:children]\na\nworkers\n[workers]\nx\n",
        ("x worker",),
        (7,),
        "Read as an Ansible inventory. Ignored: the groups a and b.",
    ),
    Pasted("JSON", '["10.0.0.1",\n "10.0.0.2"]', ("10.0.0.1 -", "10.0.0.2 -"), (1, 2), "Read as JSON."),
)

BROKEN: tuple[Broken, ...] = (
    Broken("hosts file", "10.0.0.1 a\n10.0.0.1 b\n", "line 2: 10.0.0.1 is already listed in line 1."),
    Broken("CSV, columns", "name,ip\na,10.0.0.1\nb\n", "line 3: This line has 1 column, and the first has 2."),
    Broken(
        "CSV, no header", "a,10.0.0.1\nb,10.0.0.2\nand so on\n", "line 3: This line has 1 column, and the first has 2."
    ),
    Broken("CSV, address", "name,ip\na,10.0.0.300\n", "line 2: '10.0.0.300' must be an IP address"),
    Broken("CSV, role", "ip,role\n10.0.0.1,boss\n", "line 2: role: Enter master, infra or worker"),
    Broken("CSV, twins", "ip,role\n10.0.0.1,\n10.0.0.1,\n", "line 3: 10.0.0.1 is already listed in line 2."),
    Broken(
        "JSON of ansible-inventory", '{"_meta": {"hostvars": {}}}', "line 1: Paste the output of `ansible-inventory"
    ),
    Broken("INI, word", "[masters]\nm1 oops\n", "line 2: oops isn't a setting: after a host come words such as"),
    Broken("INI, quote", "[masters]\nm1 a='x\n", "line 2: a quote in"),
    Broken("INI, first word", "[masters]\nansible_host=10.0.0.1\n", "line 2: ansible_host=10.0.0.1 comes before"),
    Broken("INI, variable", "[masters]\nm1\n[all:vars]\nntp\n", "line 4: ntp isn't a variable: write name=value."),
    Broken("INI, port", "[masters]\nm1 ansible_port=ssh\n", "line 2: port: Enter 1 to 65535 instead of 'ssh'"),
    Broken(
        "INI, twins",
        "[masters]\na ansible_host=10.0.0.1\nb ansible_host=10.0.0.1\n",
        "line 3: 10.0.0.1 is already listed in line 2.",
    ),
    Broken("INI, empty", "[masters]\n", "line 1: This reads as an Ansible inventory and names no machine."),
    Broken("INI, nothing", "[masters]\nm1\n,\n", "line 3: , isn't a host."),
    Broken("YAML, syntax", "all:\n  hosts:\n    a: {\n", "line 4: column 1: not YAML:"),
    Broken("YAML, address", "all:\n  hosts:\n    a: {ansible_host: nope!}\n", "line 3: 'nope!' must be an IP address"),
    Broken("YAML, list", "all:\n  hosts:\n    - a: {}\n", "line 3: Write each host as a name with a colon."),
    Broken("kubectl, columns", "NAME STATUS ROLES INTERNAL-IP\nm1 Ready\n", "line 2: This line has fewer columns"),
    Broken("JSON, cut off", '{"a": {"value":\n', "line 2: This isn't complete JSON: Expecting value."),
    Broken("JSON, nothing", '{"a": {"value": "eu"}}', "line 1: This reads as the output of terraform output -json"),
    Broken("terraform, cut off", 'ips = [\n  "10.0.0.1",\n', "line 3: the end can't be there: paste all that"),
    Broken("terraform, twins", 'a = "10.0.0.1"\nb = "10.0.0.1"\n', "line 2: 10.0.0.1 is already listed in line 1."),
)
