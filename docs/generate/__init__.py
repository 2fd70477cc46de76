"""The reference pages, made from what they describe: records, topology, settings, reasons, metrics, log events, commands.

`python -m generate` writes them into `docs/reference/`, `--check` says which are stale. Nothing here runs in a
service; it only reads classes, tables and sources, and starts nothing. It needs all services, the extras `worker` and `cli`,
and PyYAML.
"""
