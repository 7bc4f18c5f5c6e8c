"""A planning of work orders behind a WSDL (`planning.wsdl`), called with zeep.

Two operations: `CreateWorkOrder` takes an order under our own name of it (`extern_id`, `LEU-2026-000123.01`), refuses a
second one of that name with the fault `Client.Duplicate`, and `GetStatus` tells in words how that order stands:
`Gepland`, or `Uitgevoerd: tegel vastgelegd`. What the words mean is a setting.

How the hub works with it:
- an order's outside id is our name of it, which the planning keeps: a second try can't make a second order;
- orders that are out are remembered and asked after, every `poll_seconds`, until they have ended;
- the address is the one in the settings, never the one in the WSDL; calls run in threads with a time-out; documents with
  a DTD, entities or imports are refused; errors never repeat what was sent or answered.

Known limitations:
- Nothing can be cancelled: a person is told to phone, with the number.
- One photo goes along, the first one; the text says how many more there are and in which case.
- No photos come back, and no times: a change happened when we heard of it. Two changes between two looks are one.
- An order that ended is not asked after any more; if the planning opens it again, the reconciler sees it.
"""

from adapters.planning.adapter import build

__all__ = ["build"]
