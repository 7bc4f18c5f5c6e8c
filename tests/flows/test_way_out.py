"""A mail in place of a notification leads to the page on which its recipient ends them: wired together by the hub."""

from joserfc.jwk import RSAKey

from canonical_model.commands import SendMail
from hub import Hub
from settings import load
from tests.flows.small_hub import small_hub

NOTICES = """
[answers]
notices = "notificaties"

[adapters.notificaties]
system = "notifications"
offerer = "urn://leuven/contact"
brand = "LEUVEN"
source = "urn://leuven/contact"

[adapters.notificaties.log_in]
token_url = "https://authenticatie.vlaanderen.be/op/v1/token"
audience = "https://authenticatie.vlaanderen.be/op"
client_id = "6776"
private_key = "secret:private_key"
scope = "Notificaties"

[adapters.notificaties.opt_out]
public_url = "https://contact.leuven.example"
secrets = ["secret:opt_out_seal"]
"""
MAIL = """
[adapters.mail]
system = "mailbox"
smtp_host = "127.0.0.1"
smtp_port = 9
smtp_tls = "none"
sender = { address = "meldingen@leuven.test" }
"""


async def test_the_mail_adapter_offers_the_page_of_the_adapter_that_notifies(tmp_path):
    city = small_hub(tmp_path, sections=[NOTICES, MAIL])
    (city.folder / "secrets" / "opt_out_seal").write_text("s" * 32)
    (city.folder / "secrets" / "private_key").write_text(
        RSAKey.generate_key(2048).as_pem(private=True).decode()
    )
    hub = Hub(load(city.hub_toml))
    mail = SendMail(message_id="1@x", to="an@voorbeeld.be", subject="s", text="t", opt_out=True)
    shown = hub.adapters["mail"].mail.shown(mail)
    plain = hub.adapters["mail"].mail.shown(
        SendMail(message_id="2@x", to="an@voorbeeld.be", subject="s", text="t")
    )

    assert hub.quarantined == {}
    assert "https://contact.leuven.example/in/notificaties/afmelden/" in shown
    assert "an@voorbeeld.be" not in shown
    assert "afmelden" not in plain
    await hub.close()
