"""Accounts in AWS."""
