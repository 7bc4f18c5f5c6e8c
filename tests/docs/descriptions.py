"""The published descriptions of the API and of the exchange by AMQP and webhook, written from the code.

`python -m tests.docs.descriptions` renews them. Not what people write by hand: names of exchanges and queues come
from the adapter's topology, schemas from the contract.
"""

import json
from typing import Any

import msgspec

from adapters.amqp.topology import Queue, Topology
from adapters.amqp.translate import RefusalEvent
from console.api.app import describe
from console.api.description import schemas
from ports.submission.cloudevents import STRUCTURED, SUBMITTED
from tests.shipped import ROOT

SCHEMAS = ROOT / "docs" / "schema"
SYSTEM = "{system}"
TOPOLOGY = Topology(prefix="wegwijzer", max_waiting=100_000)


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: what goes over RabbitMQ, and what the hub posts to webhooks."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Wegwijzer for existing systems: messages",
            "version": "1",
            "description": "What an existing system submits over RabbitMQ and what it is told, there or by webhook.",
            "license": {"name": "EUPL-1.2"},
        },
        "defaultContentType": STRUCTURED,
        "servers": {
            "rabbitmq": {
                "host": "rabbitmq.example:5671",
                "protocol": "amqps",
                "protocolVersion": "0-9-1",
                "pathname": "/wegwijzer",
                "security": [{"$ref": "#/components/securitySchemes/user"}],
            },
            "webhook": {"host": "your-system.example", "protocol": "https"},
        },
        "channels": {
            "submitted": _in(TOPOLOGY.incoming(SYSTEM)),
            "told": _out(TOPOLOGY.outgoing(SYSTEM), ["news", "refused"], "What the hub tells this system."),
            "dead": _out(TOPOLOGY.dead(SYSTEM), ["contact"], "Copies of what the hub could not understand."),
            "webhook": _webhook(),
        },
        "operations": {
            "takeContact": _operation("receive", "submitted", "The hub takes a contact."),
            "tellOverAmqp": _operation(
                "send", "told", "The hub tells the news of a case, or why it refused."
            ),
            "returnUnread": _operation("send", "dead", "RabbitMQ moves what the hub refused."),
            "tellByWebhook": _operation("send", "webhook", "The hub posts the news of a case."),
        },
        "components": {
            "messages": {
                "contact": _message("A contact", SUBMITTED, "SubmittedEvent"),
                "news": _message("News about a case", "be.wegwijzer.case.*.v1", "NewsEvent"),
                "refused": _message("Not understood", "be.wegwijzer.message.refused.v1", "RefusalEvent"),
            },
            "schemas": _schemas(),
            "securitySchemes": {"user": {"type": "userPassword", "description": "One user per system."}},
        },
    }


def _in(queue: Queue) -> dict[str, Any]:
    return {
        "address": queue.exchange,
        "description": "Publish here, with your own user in the property `user_id`, mandatory and confirmed.",
        "servers": [{"$ref": "#/servers/rabbitmq"}],
        "parameters": _parameters(),
        "messages": _messages(["contact"]),
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": queue.exchange, "type": "direct", "durable": True, "vhost": "wegwijzer"},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _out(queue: Queue, messages: list[str], description: str) -> dict[str, Any]:
    return {
        "address": queue.name,
        "description": description,
        "servers": [{"$ref": "#/servers/rabbitmq"}],
        "parameters": _parameters(),
        "messages": _messages(messages),
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": queue.name, "durable": True, "exclusive": False, "vhost": "wegwijzer"},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _webhook() -> dict[str, Any]:
    return {
        "address": "/your/path",
        "description": "Signed as Standard Webhooks asks. 2xx: taken; 410: no more; else again, for three days.",
        "servers": [{"$ref": "#/servers/webhook"}],
        "messages": _messages(["news"]),
        "bindings": {"http": {}},
    }


def _parameters() -> dict[str, Any]:
    return {"system": {"description": "The name of your system."}}


def _messages(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _message(title: str, type_: str, schema: str) -> dict[str, Any]:
    return {
        "title": title,
        "summary": f"CloudEvents type `{type_}`",
        "contentType": STRUCTURED,
        "payload": {"$ref": f"#/components/schemas/{schema}"},
    }


def _schemas() -> dict[str, Any]:
    _, found = msgspec.json.schema_components([RefusalEvent], ref_template="#/components/schemas/{name}")
    return {name: one for name, one in {**schemas(), **found}.items() if name != "ProblemDocument"}


def _text(description: dict[str, Any]) -> str:
    return json.dumps(description, indent=2, ensure_ascii=False) + "\n"


PUBLISHED = {
    SCHEMAS / "api.openapi.json": lambda: _text(describe()),
    SCHEMAS / "systems.asyncapi.json": lambda: _text(asyncapi()),
}
"""What is published, and what it should say."""

if __name__ == "__main__":
    for file, current in PUBLISHED.items():
        file.write_text(current())
        print(f"renewed {file.relative_to(ROOT)}")
