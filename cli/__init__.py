"""The command line: `wegwijzer --help` tells what it can do.

A command in a module of its subject: `run` (the hub itself), `check`, `keep` (copies of the journal, its tables),
`begin` (a new hub, the demo), and those that look into the journal and act on it, as the console does: `console`,
`customer`, `replay`, `work`, `texts`, `credential`. They get the hub handed, so that nobody imports `hub.py`.
"""

from pathlib import Path

import click

from cli.begin import demo, init
from cli.check import check, products
from cli.complaints import DutchGroup
from cli.console import commands
from cli.keep import backup, database_roles, migrate_tables, restore, restore_check
from cli.program import BuildHub, BuildJournal, Program, called
from cli.run import reload, run
from cli.texts import text_commands
from settings import texts_in

__all__ = ["command_line"]


def command_line(build_hub: BuildHub, build_journal: BuildJournal) -> click.Group:
    """`wegwijzer`, over hubs and journals that these build."""

    @click.group(cls=DutchGroup, context_settings={"help_option_names": ["-h", "--help"]})
    @click.option(
        "--config",
        "path",
        type=click.Path(path_type=Path),
        default=Path("hub.toml"),
        envvar="WEGWIJZER_CONFIG",
        show_default=True,
        help="Het configuratiebestand.",
    )
    @click.pass_context
    def main(context: click.Context, path: Path) -> None:
        """Wegwijzer: elk contact wordt één zaak, en het antwoord vindt zijn weg terug."""
        context.obj = Program(file=path, build_hub=build_hub, build_journal=build_journal)

    for command in (run, check, reload, products, init, backup, restore, migrate_tables, database_roles):
        main.add_command(command)
    console = commands(lambda: called().journal(), lambda: called().configuration().settings.api.systems)
    for command in (restore_check, demo, *console):
        main.add_command(command)
    main.add_command(
        text_commands(lambda: called().journal(), lambda: called().configuration().routes, texts_in)
    )
    return main
