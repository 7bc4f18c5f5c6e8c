"""Existing systems that exchange messages with the hub over RabbitMQ (AMQP 0-9-1), with pika.

Each system has a user of its own at RabbitMQ and three things that the hub declares, all under a common prefix:

| name | what for | the system may |
|---|---|---|
| exchange `wegwijzer.in.<system>` | what the system submits | write |
| queue `wegwijzer.out.<system>` | receipts and news about its cases | read |
| queue `wegwijzer.refused.<system>` | copies of what the hub could not understand | read |

A message is acknowledged only after the hub stored it. What cannot be understood is stored too, for people to
look at; the broker moves the message to the refused queue, and the system is told why.

Known limitations:
- Without a CloudEvents id or the property `message_id`, a message is recognised by its content: two equal ones
  count as one.
- News can come twice when a confirm is lost; it has the same `message_id` then. Order is kept per case.
- Copies in the refused queue are limited to 10,000 (the oldest go first); the hub itself keeps them all.
- A queue that exists with other arguments is not changed: delete it or set another `prefix`.
"""

from adapters.amqp.adapter import build

__all__ = ["build"]
