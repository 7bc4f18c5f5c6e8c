"""The texts that people of the city wrote in the console lie over those of the files. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from canonical_model.contact import Language
from routes.configuration import RouteConfiguration, Texts, version_of
from routes.letter_check import Draft, check_letter
from routes.letter_kinds import LETTERS


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnText:
    """A letter in one language as somebody saved it."""

    language: Language
    name: str
    draft: Draft


def with_texts(texts: Texts, own: Iterable[OwnText]) -> Texts:
    """The texts with these in their place."""
    fresh = {language: dict(words) for language, words in texts.items()}
    for one in own:
        fresh[one.language][one.name] = one.draft.text
        fresh[one.language][f"{one.name}_subject"] = one.draft.subject
    return fresh


def overlaid(configuration: RouteConfiguration, own: Iterable[OwnText]) -> RouteConfiguration:
    """The configuration with the city's own texts, under a version of its own.

    One that a newer release can't use any more (see `usable`) is left out: the file's text holds until somebody
    mends it.
    """
    used = [one for one in own if usable(one)]
    if not used:
        return configuration
    parts = [f"{one.language}\0{one.name}\0{one.draft.subject}\0{one.draft.text}" for one in used]
    return replace(
        configuration,
        texts=with_texts(configuration.texts, used),
        version=version_of(configuration.version, *sorted(parts)),
    )


def usable(one: OwnText) -> bool:
    """Whether there still is such a letter, and nothing in this text is refused."""
    return one.name in LETTERS and not any(
        finding.fault for finding in check_letter(one.name, one.language, one.draft)
    )
