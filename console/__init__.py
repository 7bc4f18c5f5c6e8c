"""The Control Bus: what the contact centre and the administrators see and do, in a browser."""

from console.app import create_console
from console.settings import ConsoleSettings

__all__ = ["ConsoleSettings", "create_console"]
