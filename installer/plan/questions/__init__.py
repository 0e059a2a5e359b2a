"""Every question about a plan, its answers and its drafts."""
