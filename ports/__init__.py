"""What the hub asks of the outside: Protocols, the errors, and the behaviour suite of each port."""
