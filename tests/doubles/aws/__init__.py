"""AWS on this computer: moto behind HTTP, and in front of it a gate that refuses what AWS refuses and moto allows.

`account` is what a test holds: what was called, what fails, what is left. `gate` is every request's way through, past
the rules of `rules/`. Machines, addresses and metadata are not AWS's alone: `tests/doubles/cloud/` has them.
"""

import os
from pathlib import Path

# moto reads these once, when it is imported.
os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).with_name("images.json")))
os.environ.setdefault("MOTO_ENABLE_AMI_VALIDATION", "1")
os.environ.setdefault("MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION", "1")
