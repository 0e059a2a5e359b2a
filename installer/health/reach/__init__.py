"""Whether machines reach each other as the contract says."""
