"""The contract's names (D1, D2) in somebody's DNS: published, looked at where they are kept, and removed again."""
