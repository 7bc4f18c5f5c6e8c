"""A city's morning on one machine: the servers around the hub, and the mail and forms that come in."""
