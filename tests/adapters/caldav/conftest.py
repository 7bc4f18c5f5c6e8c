"""The adapter on a real Radicale, over a line that can be cut; and the phone of the crew."""

import itertools

import pytest

from adapters.caldav.adapter import TaskList
from adapters.caldav.client import TaskListClient
from adapters.caldav.memory import Memory
from adapters.caldav.settings import Settings
from adapters.caldav.source import Tasks
from canonical_model.work_order import ENDED
from demo.task_app import TaskApp
from tests.adapters import field_teams
from tests.servers import radicale

_numbers = itertools.count(1)

intake = field_teams.intake
clock = field_teams.clock
checkpoints = field_teams.checkpoints
more_settings = field_teams.more_settings
tools = field_teams.tools
line = field_teams.line
bring_in = field_teams.bring_in


class Field:
    """The crew and its phone, in the words of the crews' suite."""

    def __init__(self, app, line):
        self._app = app
        self._line = line
        self.lose_answer = line.lose_answer

    def go_away(self):
        self._line.away = True

    def come_back(self):
        self._line.away = False

    async def on_the_list(self):
        tasks = await self._app.tasks()
        return tuple(task.name.removesuffix(".ics") for task in tasks if task.state not in ENDED)

    async def card(self, order):
        todo = (await self._app.task(f"{order}.ics")).todo
        return f"{todo['summary']}\n{todo['description']}\n{todo.get('location', '')}"

    async def photos(self, order):
        return tuple((await self._app.task(f"{order}.ics")).photos)

    async def report(self, order, state, text="", photo=b""):
        await self._app.report(f"{order}.ics", state, text, photo)


@pytest.fixture(scope="session")
def server():
    with radicale.running() as server:
        yield server


@pytest.fixture
def address(server):
    """A list of its own for every test."""
    return server.list(f"werk-{next(_numbers)}")


@pytest.fixture
def settings(server, address, more_settings):
    values = {"url": address, "username": "hub", "password": server.passwords["hub"], "poll_seconds": 0.01}
    return Settings.model_validate(values | more_settings)


@pytest.fixture
async def client(settings, line):
    client = TaskListClient(settings, line)
    yield client
    await client.close()


@pytest.fixture
def memory(checkpoints):
    return Memory(checkpoints)


@pytest.fixture
async def crew(settings, client, memory, clock):
    crew = TaskList(settings, client, memory, clock)
    yield crew
    await crew.close()


@pytest.fixture
async def source(tools, settings, client, memory):
    source = Tasks(tools, settings, client, memory)
    yield source
    await source.close()


@pytest.fixture
async def app(server, address):
    app = TaskApp(address, "ploeg", server.passwords["ploeg"])
    yield app
    await app.close()


@pytest.fixture
def field(app, line):
    return Field(app, line)
