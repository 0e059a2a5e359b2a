"""What people who sign in are called in the API, and who `craton check` signs in as."""

from __future__ import annotations

PREFIX = "oidc:"
"""What users and groups of tokens begin with in the API."""
PROBE_EMAIL = "craton-probe@craton.invalid"
"""As whom `craton check` signs in: nobody's address (RFC 2606), and without any rights in the cluster."""
