"""What every package may use: errors, paths, redaction, YAML text, words."""
