"""A cloud in this process: `api` is what it offers, `platform` and `steps` are a platform on top of it."""
