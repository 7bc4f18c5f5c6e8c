"""`wegwijzer init` and `wegwijzer demo`: a new hub, and one with a city around it."""

import sys
from importlib import resources
from pathlib import Path

import click

from cli.program import Program, run_loop
from settings import load, make_secrets
from telemetry.logs import configure_logging


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Een nieuwe Wegwijzer beginnen in FOLDER: voorbeeldconfiguratie, verdeeltabel en verse geheimen."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("hub.toml", "dispatch.toml", "areas.geojson"):
        file = folder / name
        if not file.exists():
            file.write_text((resources.files("demo") / "city" / name).read_text("utf-8"))
    make_secrets(folder / "secrets")
    click.echo(
        f"{folder}: edit hub.toml, dispatch.toml and areas.geojson, then: wegwijzer --config {folder / 'hub.toml'} check"
    )


@click.command()
@click.option("--once", is_flag=True, help="Play the morning, wait until every message has ended, and stop.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on the last line.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open the console in a browser.")
@click.option(
    "--keep", is_flag=True, help="Go on with what earlier mornings left, instead of beginning afresh."
)
@click.option(
    "--distributed", is_flag=True, help="On PostgreSQL and RabbitMQ, with a process for every role."
)
@click.pass_obj
def demo(
    program: Program,
    once: bool,  # noqa: FBT001 - click passes by name
    as_json: bool,  # noqa: FBT001
    folder: Path,
    browser: bool,  # noqa: FBT001
    keep: bool,  # noqa: FBT001
    distributed: bool,  # noqa: FBT001
) -> None:
    """Een voormiddag van een stad op deze machine: echte mail, een echte tracker, echte formulieren."""
    from demo.distributed import Arrangement, Fleet, engines, in_one_process  # noqa: PLC0415 - as below
    from demo.morning import Demo, RunningHub, play  # noqa: PLC0415 - its servers are an extra that a city does not install

    if keep and distributed:
        raise click.UsageError("--keep kan niet met --distributed: die servers beginnen telkens opnieuw")

    make_secrets(folder / "secrets")
    log_file = (folder / "hub.log").open("a", buffering=1)
    configure_logging(as_json=True, stream=log_file)

    async def open_hub(path: Path, arrangement: Arrangement) -> RunningHub:
        configuration = load(path)
        if not distributed:
            return program.build_hub(configuration)
        journal = program.build_journal(configuration, "demo")
        return Fleet(journal, path, configuration.settings.hub.listen, arrangement.console)

    how = Demo(folder=folder, once=once, as_json=as_json, browser=browser, keep=keep)
    sys.exit(run_loop(play(how, open_hub, engines if distributed else in_one_process)))
