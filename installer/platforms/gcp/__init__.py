"""Machines, network and names in a project of Google Cloud, through its libraries for Compute Engine and its APIs."""
