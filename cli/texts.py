"""The texts of mails in a terminal: `wegwijzer texts list|preview|check`."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import click

from canonical_model.contact import Language
from cli.terminal import NEEDS_SOMEBODY, OpenJournal, Shop, Terminal, table
from console.letters import LetterRoom, Standing, deciding, faults, preview, standings
from console.wording import Wording, load
from journal.letter_texts import InForce
from routes.configuration import DispatchError, RouteConfiguration, parse_texts
from routes.letter_check import Finding, check_letter, draft_of
from routes.letter_kinds import LETTERS

Configured = Callable[[], RouteConfiguration]
ReadFolder = Callable[[Path], Mapping[str, str]]


def text_commands(
    open_journal: OpenJournal,
    configured: Configured,
    read_folder: ReadFolder,
    *,
    language: str = "nl",
    time_zone: str = "Europe/Brussels",
) -> click.Command:
    """The group of commands. `configured` gives what the files say, `read_folder` a folder of TOML per language."""
    return _TextShop(open_journal, load(time_zone), language, configured, read_folder).texts()


class _TextShop(Shop):
    """Makes the commands."""

    def __init__(
        self,
        open_journal: OpenJournal,
        wordings: dict[str, Wording],
        language: str,
        configured: Configured,
        read_folder: ReadFolder,
    ) -> None:
        super().__init__(open_journal, wordings, language)
        self._configured = configured
        self._read_folder = read_folder

    def texts(self) -> click.Command:
        group = click.Group("texts", help=self._help("texts"))
        group.add_command(self._list())
        group.add_command(self._preview())
        group.add_command(self._check())
        return group

    def _list(self) -> click.Command:
        def run(terminal: Terminal) -> None:
            found = tuple(standings(self._configured(), self._saved()).values())
            terminal.answer(found, table([_cells(terminal, one) for one in found]))

        return self._command("list", run, help_key="texts_list")

    def _preview(self) -> click.Command:
        def run(terminal: Terminal, name: str, language: str, *, bare: bool) -> None:
            told = deciding(self._configured(), self._saved())
            draft = draft_of(told.texts, Language(language), name)
            room = LetterRoom(configuration=lambda: told)
            shown = preview(room, name, Language(language), draft, bare=bare)
            if shown is None:
                self._leave(terminal.text("letters.no_preview"))
            terminal.answer(shown, [shown.subject, "", shown.text.rstrip("\n")])

        return self._command(
            "preview",
            run,
            click.Argument(["name"], type=click.Choice(list(LETTERS))),
            click.Option(
                ["--language"],
                type=click.Choice([one.value for one in Language]),
                default=Language.NL.value,
                show_default=True,
                help=self._help("texts_language"),
            ),
            click.Option(["--bare"], is_flag=True, help=self._help("texts_bare")),
            help_key="texts_preview",
        )

    def _check(self) -> click.Command:
        def run(terminal: Terminal, folder: Path | None) -> None:
            told = self._over(folder) if folder else deciding(self._configured(), self._saved())
            found = [
                (name, language, finding)
                for name, kind in LETTERS.items()
                for language in kind.languages
                for finding in check_letter(name, language, draft_of(told.texts, language, name))
            ]
            terminal.answer(
                [{"name": name, "language": language, "finding": one} for name, language, one in found],
                [_line(terminal, name, language, one) for name, language, one in found]
                or [terminal.text("letters.nothing_wrong")],
            )
            if faults(one for _, _, one in found):
                sys.exit(NEEDS_SOMEBODY)

        path = click.Path(path_type=Path, exists=True, file_okay=False)
        return self._command(
            "check", run, click.Argument(["folder"], required=False, type=path), help_key="texts_check"
        )

    def _saved(self) -> InForce:
        return self._with(lambda journal: journal.letter_texts.in_force())

    def _over(self, folder: Path) -> RouteConfiguration:
        """The files of the configuration with those of this folder over them."""
        told = self._configured()
        try:
            texts = parse_texts(self._read_folder(folder), told.texts)
        except DispatchError as error:
            self._leave(str(error))
        return replace(told, texts=texts)


def _line(terminal: Terminal, name: str, language: Language, one: Finding) -> str:
    weight = terminal.text("cli.text_fault") if one.fault else terminal.text("cli.text_doubt")
    part = terminal.text(f"letter_part.{one.part}")
    said = terminal.text(f"finding.{one.code}", words=one.words)
    return f"{weight:7} {language} {name}: {part}: {said}"


def _cells(terminal: Terminal, one: Standing) -> tuple[str, ...]:
    wording = terminal.wording
    since = terminal.text("letters.own", by=one.by) if one.own else terminal.text("letters.from_files")
    remarks = wording.count("letters.findings", len(one.findings)) if one.findings else ""
    return (
        one.kind.name,
        one.language,
        since,
        wording.time(one.since) if one.since else "",
        terminal.text("letters.left_out_short") if one.left_out else remarks,
    )
