"""Finding secrets in what machines and programs print, a line at a time; `installer.common.scrub` is its door."""
