"""Where two values of the model differ, for a test that compares them: their `repr` hides some fields."""

from collections.abc import Iterator

from canonical_model.value import Value


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Each field that differs, however deep it lies."""
    if op == "==" and isinstance(left, Value) and type(left) is type(right):
        return [f"two values of {type(left).__name__} differ", *_differences("", left, right)]
    return None


def _differences(path: str, left: object, right: object) -> Iterator[str]:
    if isinstance(left, Value) and type(left) is type(right):
        for name in left.__struct_fields__:
            yield from _differences(f"{path}.{name}", getattr(left, name), getattr(right, name))
    elif left != right:
        yield f"{path}: {left!r} != {right!r}"
