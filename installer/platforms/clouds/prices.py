"""What every cloud's prices have in common."""

from __future__ import annotations

HOURS = 730
"""Hours of a month, as AWS and Google count them in their own estimates."""
WITHOUT = "addresses, load balancers, NAT gateways and traffic"
"""What no estimate has in it."""
