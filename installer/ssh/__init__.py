"""SSH: connections, keys, host keys, and why a connection fails. Knows no step and no cluster."""

import sys

# paramiko imports it if it can, for one word of ssh_config (Match exec) that Craton leaves to OpenSSH. With it, the
# import of paramiko takes half as long again.
sys.modules.setdefault("invoke", None)  # type: ignore[arg-type]
