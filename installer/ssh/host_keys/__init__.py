"""Whether a host key is to be trusted: OpenSSH's files, certificates, and the cluster's pinned keys."""
