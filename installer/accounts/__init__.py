"""Accounts in clouds, whatever is done there: who Craton is, requests, and refusals in words."""
