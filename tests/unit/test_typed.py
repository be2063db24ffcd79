"""Settings as dataclasses, and back."""

from dataclasses import dataclass

import pytest

from ainu.errors import AinuError
from ainu.typed import plain, typed


@dataclass(frozen=True)
class Inner:
    radius_nm: float


@dataclass(frozen=True)
class Outer:
    limits: tuple[float | str | None, float | str | None]
    inner: Inner | None
    others: dict[str, Inner]


SETTINGS = {"limits": ["q0.1", None], "inner": {"radius_nm": 30}, "others": {"a": {"radius_nm": 1.5}}}


def test_settings_come_back_as_they_were_given():
    found = typed(Outer, SETTINGS)
    assert found == Outer(("q0.1", None), Inner(30), {"a": Inner(1.5)})
    assert plain(found) == SETTINGS
    assert type(found.inner.radius_nm) is int
    assert plain(typed(Outer, SETTINGS | {"inner": None}))["inner"] is None


@pytest.mark.parametrize(
    ("given", "message"),
    [({"radius": 3}, "Inner: can not match"), ({}, 'Inner: missing value for field "radius_nm"; settings of')],
)
def test_keys_that_a_dataclass_does_not_have_or_lacks_are_an_error(given, message):
    with pytest.raises(AinuError, match=message):
        typed(Inner, given)
