"""The install plan: the contract's rules, the plan's fields and file, questions and platforms."""
