"""Everything of Craton's that reads from outside, each with realistic inputs, for `make fuzz`."""
