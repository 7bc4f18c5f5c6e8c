"""The calls of DOSIS. Nothing here knows what a case is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.digitaal_vlaanderen.problems import problems_in
from adapters.digitaal_vlaanderen.service import Service
from adapters.dosis.settings import CodeLists, Push
from adapters.dosis.translate import Json, Result
from ports.errors import RejectedError, UncertainError


class _Accepted(msgspec.Struct, frozen=True, rename="pascal"):
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The phases and codes that DOSIS knows; none when it did not tell."""

    phases: frozenset[str]
    codes: frozenset[str]


class DosisClient:
    """Every call raises the errors of `ports.errors`; all may be repeated, since an upload is known by its id."""

    def __init__(self, service: Service, settings: Push, source: str) -> None:
        self._service = service
        self._paths = settings.paths
        self._lists = settings.code_lists
        self._source = source

    async def upload(self, body: Json) -> None:
        """Return when DOSIS took the status: it will be processed later."""
        answer = await self._service.post(self._paths.upload, body)
        try:
            accepted = msgspec.json.decode(answer.content, type=_Accepted)
        except msgspec.MsgspecError as error:
            raise UncertainError(
                "DOSIS answered an upload with something else than agreed", detail=type(error).__name__
            ) from error
        if accepted.status.upper() != "OK":
            raise RejectedError("DOSIS did not take the status, and does not say why")

    async def result(self, upload: str) -> Result | None:
        """What became of an upload; None: not processed yet, or not known there."""
        return await self._result(self._paths.result_by_upload, {"uploadId": upload})

    async def result_of(self, dossier: str) -> Result | None:
        """What became of the last upload of a dossier; None: not processed yet, or not known there."""
        return await self._result(self._paths.result, {"bron": self._source, "dossierNummer": dossier})

    async def failures(self) -> tuple[bytes, ...]:
        """What failed afterwards, each as it came."""
        answer = await self._service.get(self._paths.failures, {"bron": self._source})
        try:
            return tuple(bytes(one) for one in msgspec.json.decode(answer.content, type=list[msgspec.Raw]))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise self._service.unreadable("the list of failures", error) from error

    async def delete(self, dossier: str) -> None:
        """Take a dossier away; there need not be one, but only DOSIS itself can say so."""
        query = {"bron": self._source, "dossierNummer": dossier}
        answer = await self._service.delete(self._paths.dossier, query, expected=(404,))
        if answer.status_code == 404 and not problems_in(answer.content):
            raise RejectedError(
                "a 404 that DOSIS did not write itself: look at push.paths.dossier, and whether the dossier is still there"
            )

    async def sources(self) -> tuple[str, ...]:
        """For which sources our client may write."""
        answer = await self._service.get(self._paths.sources, {})
        try:
            return msgspec.json.decode(answer.content, type=tuple[str, ...])
        except msgspec.MsgspecError as error:
            raise self._service.unreadable("the list of sources", error) from error

    async def known(self) -> Known:
        """The code lists as they are now."""
        answer = await self._service.get(self._paths.validation, {})
        try:
            told = msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise self._service.unreadable("the code lists", error) from error
        return known_in(told, self._lists)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._service.close()

    async def _result(self, path: str, query: Mapping[str, str]) -> Result | None:
        answer = await self._service.get(path, query, expected=(404,))
        if answer.status_code == 404:
            return None
        try:
            return msgspec.json.decode(answer.content, type=Result)
        except msgspec.MsgspecError as error:
            raise self._service.unreadable("a result", error) from error


def known_in(told: Mapping[str, Any], lists: CodeLists) -> Known:
    """The two lists, wherever the settings say that they are; empty where there is none."""
    return Known(phases=_codes(told, lists.phases, lists.value), codes=_codes(told, lists.codes, lists.value))


def _codes(told: Mapping[str, Any], where: str, value: str) -> frozenset[str]:
    found: Any = told
    try:
        for name in where.split("."):
            found = msgspec.convert(found, dict[str, Any]).get(name)
        entries = msgspec.convert(found, list[str | dict[str, Any]])
    except msgspec.ValidationError:
        return frozenset()
    codes = (one if isinstance(one, str) else one.get(value) for one in entries)
    return frozenset(code for code in codes if isinstance(code, str))
