"""The vocabulary of a run: steps, actions, context, world, platform, evidence."""
