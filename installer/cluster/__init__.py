"""What happens to the cluster."""
