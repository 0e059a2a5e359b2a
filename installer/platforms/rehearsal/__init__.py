"""Stand-in machines on this computer, behind real SSH, in one process per cluster: the rehearsal site.

`platform` drives the site for the engine through `client`; `site` is the process, of which `control` is the API,
`machine` one stand-in, `shell`, `probes` and `program` what runs on it, `membership`, `conditions`, `etcd`, `upgrade`
and `kubectl` the verbs of a machine in its cluster, `cluster` and `objects` the Kubernetes that the machines share, and
`records` what is kept on disk.
"""
