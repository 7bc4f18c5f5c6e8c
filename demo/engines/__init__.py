"""The engines of the distributed set-up, PostgreSQL and RabbitMQ from the Debian packages: private, on loopback."""
