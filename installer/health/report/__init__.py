"""The health report as a value, text, HTML, and its compliance table."""
