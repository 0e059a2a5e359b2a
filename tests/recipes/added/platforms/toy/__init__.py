"""The toy platform: a rehearsal's stand-in machines, and a box of their colour."""
