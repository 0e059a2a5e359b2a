"""Stand-in machines on this computer, behind real SSH, in one process per cluster: the rehearsal site.

`platform` drives the site for the engine through `client`; `site` is the process, of which `control` is the API,
`machine` one stand-in, `program`, `kubectl`, `probes` and `shell` what runs on it, `cluster` the Kubernetes
that they share, and `records` what is kept on disk.
"""
