"""Stand-in machines behind real SSH servers, in a process of their own."""
