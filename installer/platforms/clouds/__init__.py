"""What platforms in clouds share: everything that is not a request to one cloud's API.

A cloud's own package has those: its client and errors, its listing, one module for each kind of thing that it makes,
and what removes them. This package knows no cloud, and no cloud knows another.
"""
