"""The standard job, measured: `make bench`."""
