"""Google Cloud on this computer: a server that takes what Google's own discovery documents allow, and nothing else.

`project` is what a test holds: what was called, what fails, what is left, and what goes on after an answer. `documents`
is every request's way in; `things`, `instances` and `services` are what the APIs do. The machines behind it are not
Google's alone: `tests/doubles/cloud/` has them.
"""
