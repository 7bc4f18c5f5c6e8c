"""What every class of the model is: a frozen value, equal to another by its fields, that never shows personal data."""

from functools import cache
from typing import Annotated, Final, TypeVar, get_args, get_type_hints

import msgspec

_T = TypeVar("_T")

_HIDDEN: Final = object()

Hidden = Annotated[_T, _HIDDEN]
"""The type of a field that a `repr` leaves out: `name: Hidden[str]`."""


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value whose `repr` leaves out its `Hidden` fields, so that it may end up in a traceback or a log without harm."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__qualname__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """The fields that may be shown; rich's tracebacks ask for these instead of the `repr`."""
        hidden = _hidden_fields(type(self))
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in hidden]


@cache
def _hidden_fields(cls: type[Value]) -> frozenset[str]:
    """The names of the fields that are declared `Hidden`."""
    hints = get_type_hints(cls, include_extras=True)
    return frozenset(name for name, hint in hints.items() if _HIDDEN in get_args(hint)[1:])
