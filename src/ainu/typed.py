"""Settings as frozen dataclasses: made from the plain mappings that the checked config holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import dacite

from ainu.errors import AinuError

Kind = TypeVar("Kind")
AS_THEY_ARE = dacite.Config(strict=True, check_types=False, cast=[tuple])
"""The JSON Schema has checked every value; lists become tuples where a field is one."""


def typed(kind: type[Kind], settings: Mapping[str, Any]) -> Kind:
    """The settings of a stage as its dataclass, nested mappings as the dataclasses of their fields.

    Parameters
    ----------
    kind : type
        A frozen dataclass whose fields have the names of the config's keys.
    settings : mapping
        A part of the checked config, every key filled.

    Returns
    -------
    object
        Of that dataclass; numbers and texts are taken as they are.

    Raises
    ------
    AinuError
        A key is missing or unknown: the mapping comes from a file of another version, since the config is checked.
    """
    try:
        return dacite.from_dict(kind, dict(settings), AS_THEY_ARE)
    except dacite.DaciteError as error:
        raise AinuError(f"{kind.__name__}: {error}; settings of another version of ainu may have other keys") from None


def plain(settings: Any, kind: type | None = None) -> Any:
    """Settings as the mapping that `typed` makes them of, for Snakemake, which compares parameters by their text.

    Parameters
    ----------
    settings : object
        A dataclass, or mappings, tuples and lists of such.
    kind : type, optional
        A dataclass that `settings` extends: its fields alone.

    Returns
    -------
    object
        Mappings, lists, numbers and texts.
    """
    if is_dataclass(settings) and not isinstance(settings, type):
        return {field.name: plain(getattr(settings, field.name)) for field in fields(kind or settings)}
    if isinstance(settings, Mapping):
        return {name: plain(value) for name, value in settings.items()}
    return [plain(value) for value in settings] if isinstance(settings, list | tuple) else settings
