"""SSH: connections, keys, host keys, and why a connection fails. Knows no step and no cluster."""
