"""What Roundup does by itself on every change: defaults, the version counter, and safe defaults for texts."""

from roundup.date import Date


def issue_defaults(db, cl, nodeid, newvalues):
    newvalues["version"] = 1
    if not newvalues.get("status"):
        newvalues["status"] = db.status.lookup("nieuw")
    if not newvalues.get("priority"):
        newvalues["priority"] = db.priority.lookup("normaal")
    if not newvalues.get("group"):
        newvalues["group"] = db.group.filter(None, {}, sort=[("+", "order")])[0]


def count_version(db, cl, nodeid, newvalues):
    if not newvalues:
        return
    newvalues["version"] = (cl.get(nodeid, "version") or 0) + 1
    if newvalues.get("status"):
        closed = db.status.get(newvalues["status"], "closed")
        newvalues["closed_at"] = Date(".") if closed else None


def text_defaults(db, cl, nodeid, newvalues):
    """A text is internal unless somebody said otherwise: nothing reaches a customer by accident."""
    newvalues.setdefault("author", db.getuid())
    newvalues.setdefault("date", Date("."))
    newvalues.setdefault("visibility", "internal")
    newvalues.setdefault("direction", "out")


def allow_empty_file(db, cl, nodeid, newvalues):
    """Customers do attach empty files; over REST Roundup takes an empty one for none at all."""
    if newvalues.get("content") is None:
        newvalues["content"] = b""


def init(db):
    db.issue.audit("create", issue_defaults)
    db.issue.audit("set", count_version)
    db.msg.audit("create", text_defaults)
    db.file.audit("create", allow_empty_file)
