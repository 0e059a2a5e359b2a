"""Modal screens that ask or explain one thing and are gone."""
