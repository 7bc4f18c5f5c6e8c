"""The working end of the peers with threads or processes: routed, posted to the sink, marked in the log."""

import threading
from functools import cache

import requests
from contacts import SINK, Contact, case
from message_log import URL, Log
from sqlalchemy import create_engine

_own = threading.local()


def deliver(body: bytes) -> None:
    """Deliver one message; an exception when the sink did not take it (the broker then keeps it)."""
    contact = Contact.model_validate_json(body)
    _session().post(f"{SINK}/cases", json=case(contact), timeout=10).raise_for_status()
    _log().delivered(contact.id)


def _session() -> requests.Session:
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    return _own.session


@cache
def _log() -> Log:
    """Made on first use: a process that forks must not share connections with its children."""
    return Log(create_engine(URL, pool_size=10))
