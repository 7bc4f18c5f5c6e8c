"""The outside systems, one folder each, all built alike: see `docs/integrators/first-adapter.md`."""
