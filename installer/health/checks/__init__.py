"""The health checks: what each asks of a machine, and what the answer means."""
