"""Credentials of existing systems in a terminal: `wegwijzer credential add|list|revoke`."""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

import click

from cli.terminal import OpenJournal, Shop, Terminal, table
from console.api.credentials import Credential, Credentials, Scope
from console.wording import Wording
from journal.journal import Journal


class CredentialShop(Shop):
    """What an administrator does about the tokens of the systems that use the API.

    `known` are the systems of `[api.systems]`: the door knows no others, so a token for another opens nothing.
    """

    def __init__(
        self,
        open_journal: OpenJournal,
        wordings: dict[str, Wording],
        language: str,
        known: Callable[[], Collection[str]],
    ) -> None:
        super().__init__(open_journal, wordings, language)
        self._known = known

    def credential(self) -> click.Command:
        group = click.Group("credential", help=self._help("credential"))
        for command in (self._add(), self._list(), self._revoke()):
            group.add_command(command)
        return group

    def _add(self) -> click.Command:
        def add(terminal: Terminal, system: str, scope: Sequence[str], days: int) -> None:
            known = sorted(self._known())
            if system not in known:
                names = ", ".join(known) or "-"
                self._leave(terminal.text("cli.credential_unknown", system=system, names=names))
            scopes = [Scope(one) for one in scope]
            issued, token = self._with(
                lambda journal: _issue(journal, terminal, system, scopes, timedelta(days=days))
            )
            terminal.answer(
                {"credential": issued, "token": token},
                [terminal.text("cli.credential_added", id=issued.id, token=token)],
            )

        every_scope = [scope.value for scope in Scope]
        return self._command(
            "add",
            add,
            click.Argument(["system"]),
            click.Option(
                ["--scope"],
                type=click.Choice(every_scope),
                multiple=True,
                default=every_scope,
                help=self._help("scope"),
            ),
            click.Option(
                ["--days"],
                type=click.IntRange(1, 1100),
                default=365,
                show_default=True,
                help=self._help("days"),
            ),
            help_key="credential_add",
        )

    def _list(self) -> click.Command:
        def names(terminal: Terminal) -> None:
            found = self._with(lambda journal: Credentials(journal.database, journal.clock).all())
            terminal.answer(found, table([_credential_cells(one) for one in found]))

        return self._command("list", names, help_key="credential_list")

    def _revoke(self) -> click.Command:
        def revoke(terminal: Terminal, id_: str) -> None:
            if not self._with(lambda journal: _revoke(journal, terminal, id_)):
                self._leave(terminal.text("search.nothing"))
            terminal.answer({"id": id_}, [terminal.text("cli.credential_revoked", id=id_)])

        argument = click.Argument(["id_"], metavar="ID")
        return self._command("revoke", revoke, argument, help_key="credential_revoke")


async def _issue(
    journal: Journal, terminal: Terminal, system: str, scopes: Sequence[Scope], valid: timedelta
) -> tuple[Credential, str]:
    issued, token = await Credentials(journal.database, journal.clock).issue(system, scopes, valid)
    detail = f"{' '.join(sorted(issued.scopes))} until {issued.expires_at:%Y-%m-%d}"
    await journal.audit(terminal.actor, "credential_issued", f"{system}/{issued.id}", detail)
    return issued, token


async def _revoke(journal: Journal, terminal: Terminal, id_: str) -> bool:
    found = await Credentials(journal.database, journal.clock).revoke(id_)
    if found:
        await journal.audit(terminal.actor, "credential_revoked", id_)
    return found


def _credential_cells(one: Credential) -> tuple[str, ...]:
    end = f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else f"until {one.expires_at:%Y-%m-%d}"
    return (one.id, one.system, " ".join(sorted(one.scopes)), end)
