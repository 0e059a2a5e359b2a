"""Proof over SSH that the cluster keeps the contract."""
