# The tracker of the demo city: configuration of an off-the-shelf Roundup, not a fork of it.
# Roundup runs this file with its own names in scope (Class, FileClass, IssueClass, String, Link, db ...).
#
# Stock names (issue, msg, file, user) are kept, so that Roundup's own pages, search and REST work unchanged.


def vocabulary(name, **more):
    words = Class(db, name, name=String(), order=Number(), **more)
    words.setkey("name")
    return words


vocabulary("priority")
vocabulary("status", closed=Boolean())
vocabulary("kind")
vocabulary("channel")
vocabulary("group", label=String(), email=String(), members=Multilink("user"))

keyword = Class(db, "keyword", name=String())
keyword.setkey("name")

query = Class(db, "query", klass=String(), name=String(), url=String(), private_for=Link("user"))

user = Class(
    db,
    "user",
    username=String(),
    password=Password(),
    address=String(),
    realname=String(),
    phone=String(),
    organisation=String(),
    alternate_addresses=String(),
    queries=Multilink("query"),
    roles=String(),
    timezone=String(),
)
user.setkey("username")

# A customer. `ref` is the hub's pseudonym, never a national number.
party = Class(db, "party", ref=String(), kind=String(), name=String(), email=String(), phone=String())
party.setkey("ref")
party.setlabelprop("name")

# A text on a case. visibility: public | internal. direction: in | out. `hubref` is the hub's own key of a
# text that the hub wrote; texts of people have none.
msg = FileClass(
    db,
    "msg",
    author=Link("user", do_journal="no"),
    recipients=Multilink("user", do_journal="no"),
    date=Date(),
    summary=String(),
    files=Multilink("file"),
    messageid=String(),
    inreplyto=String(),
    visibility=String(),
    direction=String(),
    channel=Link("channel"),
    hubref=String(),
)
file = FileClass(db, "file", name=String(), hubref=String())

issue = IssueClass(
    db,
    "issue",
    canonical_id=String(),
    kind=Link("kind"),
    channel=Link("channel"),
    group=Link("group"),
    status=Link("status"),
    priority=Link("priority"),
    assignedto=Link("user"),
    keyword=Multilink("keyword"),
    requester=Link("party"),
    language=String(),
    category=String(),
    product=String(),
    location=String(),
    area=String(),
    due=Date(),
    closed_at=Date(),
    version=Integer(),
)
issue.setkey("canonical_id")
issue.setlabelprop("title")


# Who may do what. Hub: the integration hub. User: a handler, sees the cases of the own groups.
# Kcc: the contact centre, sees all cases. Calling addRole twice for one role would wipe its permissions.


def in_own_group(db, userid, groupid):
    return bool(groupid) and userid in db.group.get(groupid, "members")


def own_issue(db, userid, itemid):
    return in_own_group(db, userid, db.issue.get(itemid, "group"))


def own_msg(db, userid, itemid):
    return any(own_issue(db, userid, found) for found in db.issue.find(messages=itemid))


def own_file(db, userid, itemid):
    return any(own_issue(db, userid, found) for found in db.issue.find(files=itemid))


def own_party(db, userid, itemid):
    return any(own_issue(db, userid, found) for found in db.issue.find(requester=itemid))


def own_record(db, userid, itemid):
    return userid == itemid


def allow(role, action, classname):
    db.security.addPermissionToRole(role, action, classname)


def allow_some(role, action, classname, **narrowed):
    permission = db.security.addPermission(name=action, klass=classname, **narrowed)
    db.security.addPermissionToRole(role, permission)


db.security.addRole(name="Hub", description="the integration hub")
db.security.addRole(name="Kcc", description="the customer contact centre")

for role in ("User", "Kcc", "Hub"):
    db.security.addPermissionToRole(role, "Rest Access")
    for vocabulary_class in ("priority", "status", "kind", "channel", "group", "keyword"):
        allow(role, "View", vocabulary_class)
for role in ("User", "Kcc"):
    db.security.addPermissionToRole(role, "Web Access")
db.security.addPermissionToRole("Hub", "Web Access")

for role in ("Kcc", "Hub"):
    for action in ("View", "Create", "Edit"):
        for case_class in ("issue", "msg", "file", "party"):
            allow(role, action, case_class)

for case_class, check in (("issue", own_issue), ("msg", own_msg), ("file", own_file)):
    allow_some("User", "View", case_class, check=check)
    allow_some("User", "Search", case_class)
    allow("User", "Create", case_class)
allow_some("User", "Edit", "issue", check=own_issue)
allow_some("User", "View", "party", check=own_party)

for role in ("User", "Kcc", "Hub"):
    allow_some(role, "View", "user", properties=("id", "username", "realname"))
    allow_some(role, "Search", "user")
for role in ("User", "Kcc"):
    allow_some(role, "View", "user", check=own_record)
    allow_some(role, "Edit", "user", check=own_record, properties=("password", "realname", "phone", "timezone"))

db.security.addPermissionToRole("Anonymous", "Web Access")
