"""What happens on one machine."""
