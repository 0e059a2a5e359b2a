"""What a command or a screen does with a cluster."""
