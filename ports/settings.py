"""An adapter's settings, as they stand in `hub.toml`, made into its typed ones."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ports.errors import MisconfiguredError

M = TypeVar("M", bound=BaseModel)


def parsed(model: type[M], settings: Mapping[str, Any], name: str) -> M:
    """The settings; `MisconfiguredError` names the adapter and each setting that is wrong, and no value."""
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        raise MisconfiguredError(f"{name}: {complaints(error)}") from None


def complaints(error: ValidationError) -> str:
    """What is wrong with which setting, without its value: that may be a secret."""
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc']) or 'settings'}: {one['msg']}"
        for one in error.errors(include_input=False, include_url=False, include_context=False)
    )
