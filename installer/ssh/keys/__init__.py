"""The user's keys and agent, and the cluster's own key."""
