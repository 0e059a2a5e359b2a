"""What engines import and work out once, done before they are forked: a second of the processor's time for each."""

from __future__ import annotations

import gc
import importlib
import pkgutil
from functools import cache

import installer
from installer.common.scrub import safe
from installer.operations import pipeline
from installer.plan import planfile
from installer.plan.model import InstallPlan

for found in pkgutil.walk_packages(installer.__path__, f"{installer.__name__}."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
for platform in ("rehearsal", "aws", "gcp", "local"):
    fields = {"name": "warm", "subdomain": "example.test", "platform": platform, "networks": {"user": "203.0.113.7/32"}}
    plan = InstallPlan.model_validate(fields)
    assert planfile.loads(planfile.dump(plan)) == plan
    pipeline.install_steps(plan)
safe("A line with a password in it, and whatever else is looked for.")
planfile.loads = cache(planfile.loads)  # a plan is read three times by each of a thousand engines
gc.collect()
gc.freeze()  # what is alive now is never looked at again, nor copied for that
