"""What any cloud's double needs behind its API: machines with an inside, addresses, metadata, load balancing, names."""
