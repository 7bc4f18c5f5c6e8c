# First contents of the tracker. Roundup runs this file once, with db, adminpw and admin_email in scope.
import json
from pathlib import Path

from roundup import password

home = Path(db.config.TRACKER_HOME)
city = json.loads((home / "city.json").read_text(encoding="utf-8"))


def fill(classname, names):
    for order, name in enumerate(names, start=1):
        db.getclass(classname).create(name=name, order=order)


def account(username, secret, roles, realname=""):
    return db.user.create(
        username=username,
        password=password.Password(secret, config=db.config) if secret else None,
        realname=realname,
        roles=roles,
    )


fill("priority", ("laag", "normaal", "hoog", "dringend"))
fill("kind", ("vraag", "melding", "suggestie", "klacht"))
fill(
    "channel",
    (
        "e-mail",
        "webformulier",
        "telefoon",
        "balie",
        "mijn-burgerprofiel",
        "e-loket",
        "verenigingsprofiel",
        "digitale-assistent",
        "meldingsapp",
        "systeem",
    ),
)
for order, (name, closed) in enumerate(
    (
        ("nieuw", False),
        ("in behandeling", False),
        ("wacht op klant", False),
        ("wacht op uitvoering", False),
        ("beantwoord", True),
        ("afgesloten", True),
    ),
    start=1,
):
    db.status.create(name=name, order=order, closed=closed)

db.user.create(username="admin", password=adminpw, address=admin_email, roles="Admin")
account("anonymous", None, "Anonymous")
account("hub", None, "Hub", "Wegwijzer")

for order, group in enumerate(city["groups"], start=1):
    roles = "User,Kcc" if group["name"] == city["contact_centre"] else "User"
    member = account(group["name"], city["handler_password"], roles, group["label"])
    db.group.create(
        name=group["name"], label=group["label"], email=group["email"], order=order, members=[member]
    )
