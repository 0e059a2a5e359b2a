"""Runs steps, records what happened, and tells nobody but the journal."""
