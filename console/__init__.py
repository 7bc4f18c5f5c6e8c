"""The Control Bus: what the contact centre and the administrators see and do, in a browser or a terminal."""

from console.app import create_console
from console.cli import commands
from console.settings import ConsoleSettings

__all__ = ["ConsoleSettings", "commands", "create_console"]
