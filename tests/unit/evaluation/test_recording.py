"""What is measured of a recording is what was simulated, whatever the structure."""

from dataclasses import replace

import numpy as np
import pytest
from stage_files import write_stages

from ainu import find_nuclei, simulate
from ainu.evaluation import recording
from ainu.evaluation.recording import DESCRIBES, Recording, acquisition, blinks
from ainu.localizations.table import Localizations
from ainu.simulation.conditions import Condition


def blinking(shown: tuple[int, ...], *, n: int = 400, frames: int = 4000, width_nm: float = 8000.0, seed: int = 0):
    """n emitters that are seen in these frames after they switch on, at any time; precision 10 nm."""
    rng = np.random.default_rng(seed)
    emitter = np.repeat(np.arange(n), len(shown))
    frame = np.repeat(rng.integers(0, frames - max(shown), n), len(shown)) + np.tile(shown, n)
    x, y = rng.uniform(0, width_nm, (2, n))[:, emitter] + rng.normal(0, 5, (2, len(emitter)))
    columns = {"photons": np.full(len(x), 700.0), "sigma": np.full(len(x), 130.0), "background": np.full(len(x), 7.0)}
    known = {"frame": frame, "precision": np.full(len(x), 10.0), "channel": np.zeros(len(x), np.uint8)}
    return Localizations(x=x, y=y, channels=("DNA",), **known, **columns)


@pytest.mark.parametrize(
    ("shown", "per_emitter", "dark"), [((0,), 1, None), ((0, 1, 2), 3, 0), ((0, 3, 6), 3, 2), ((0, 5), 1, None)]
)
def test_localizations_of_an_emitter_and_the_frames_between_them_are_counted(shown, per_emitter, dark):
    found = blinks(blinking(shown), np.random.default_rng(0))
    assert found[0] == pytest.approx(per_emitter, rel=0.02)
    if dark is not None:
        assert found[1] == pytest.approx(dark, abs=0.05)


def test_links_by_chance_in_a_dense_structure_are_subtracted():
    dense = blinking((0, 1), n=4000, width_nm=400.0)
    first = recording.emitters(dense)
    assert len(dense) / len(np.unique(first)) > 2.1
    assert blinks(dense, np.random.default_rng(0))[0] == pytest.approx(2, rel=0.025)


def test_of_many_localizations_those_in_some_places_are_linked(monkeypatch):
    monkeypatch.setattr(recording, "MOST", 500)
    many = blinking((0, 1), n=4000)
    part = recording.some_places(many, np.random.default_rng(0))
    assert 500 <= len(part) < 900
    assert blinks(many, np.random.default_rng(0))[0] == pytest.approx(2, rel=0.05)


def test_every_property_has_its_value():
    found = acquisition(replace(Recording.of(blinking((0, 1))), drift_nm={"DNA": 4.5}), np.random.default_rng(0))
    assert list(found) == [*(f"{what} of DNA" for what in DESCRIBES), "acquisition length"]
    expected = {"background": 7, "precision": 10, "photons": 700, "spot width": 130, "drift error": 4.5}
    assert {name: found[f"{name} of DNA"] for name in expected} == expected
    assert found["acquisition length"] == pytest.approx(4000, abs=50)


def test_more_blinks_of_an_emitter_and_less_drift_show_in_the_correlation_of_halves():
    def measured(appearances: int, moved: float) -> float:
        parts = [blinking((0,), n=3000, seed=5) for _ in range(appearances)]
        rng = np.random.default_rng(1)
        x, y = (np.concatenate([getattr(part, axis) for part in parts]) for axis in "xy")
        frame = rng.integers(0, 4000, len(x))
        noise = rng.normal(0, 10, (2, len(x)))
        table = Localizations(
            x=x + noise[0] + moved * frame / 4000,
            y=y + noise[1],
            frame=frame,
            precision=np.full(len(x), 10.0),
            channel=np.zeros(len(x), np.uint8),
            channels=("DNA",),
        )
        return acquisition(Recording.of(table), np.random.default_rng(0))["FRC at four precisions of DNA"]

    once, often, drifting = measured(1, 0), measured(4, 0), measured(4, 100)
    assert once == pytest.approx(0, abs=0.02)
    again = 1.5 * np.exp(-4 * np.pi**2 * (10**2 + 8**2 / 12) / 40**2)
    assert often == pytest.approx(again / (1 + again), rel=0.15)
    assert drifting < often / 2


def test_what_the_recording_lacks_is_unknown():
    full = blinking((0, 1))
    bare = Localizations(x=full.x, y=full.y, channel=full.channel, channels=full.channels)
    found = acquisition(Recording.of(bare), np.random.default_rng(0))
    assert len(found) == len(DESCRIBES) + 1
    assert all(np.isnan(value) for value in found.values())
    empty = acquisition(Recording.of(full[:0]), np.random.default_rng(0))
    assert all(np.isnan(value) for value in empty.values())


@pytest.fixture(scope="module")
def field():
    table, _ = simulate(Condition(nuclei=2, drift_nm=0.0, clutches=100, clusters=60, frames=500), seed=1)
    table = table[np.argsort(table.channel, kind="stable")]
    return replace(table, meta={"acquisition": [0, 1]})


def test_the_drift_error_of_a_channel_is_that_of_its_own_recordings(field, tmp_path):
    edge = int(np.searchsorted(field.channel, 1))
    halfway = (edge + len(field)) // 2
    told = [
        (0, edge, {"verdict": "corrected", "residual_nm": 3.0}),
        (edge, halfway, {"verdict": "corrected", "residual_nm": 5.0}),
        (halfway, len(field), {"verdict": "failed", "residual_nm": 90.0}),
    ]
    found = Recording.read(write_stages(tmp_path, field, find_nuclei(field), told), "fov")
    assert found.drift_nm == {"PolII": 3.0, "DNA": 5.0}


def test_an_error_that_is_not_known_is_left_out(field, tmp_path):
    nothing = [(0, len(field), {"verdict": "not measured"})]
    assert Recording.read(write_stages(tmp_path, field, find_nuclei(field), nothing), "fov").drift_nm == {}


def test_blinks_are_linked_among_localizations_from_before_they_were_merged(field, tmp_path):
    reason = (np.arange(len(field)) % 3 == 0).astype(np.uint8)
    nuclei = find_nuclei(field)
    whole = [(0, len(field), {"verdict": "no drift"})]
    found = Recording.read(write_stages(tmp_path, field, nuclei, whole, reason=reason), "fov")
    assert (len(found.kept), len(found.blinking)) == (np.count_nonzero(reason == 0), len(field))
    one, two = found.nuclei(2)
    assert len(one.blinking) == np.count_nonzero(nuclei.label == 1)
    assert len(two.kept) == np.count_nonzero((nuclei.label == 2) & (reason == 0))
