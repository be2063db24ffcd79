"""A recording that stands in two channels of a sample is an error; channels of their own are left alone."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ainu import simulate
from ainu.failures import SampleFailure
from ainu.localizations.copies import copied_channels
from ainu.localizations.formats.writers import write_thunderstorm
from ainu.localizations.ingest import ingest_shard
from ainu.localizations.settings import ReadingSettings
from ainu.localizations.table import Localizations
from ainu.simulation.conditions import Condition

SETTINGS = ReadingSettings(None, None, use_corrected=False, crosstalk=None, alignment=None)
SMALL = Condition(clutches=150, clusters=80, frames=2000)


@pytest.fixture(scope="module")
def field() -> Localizations:
    return simulate(SMALL, seed=1, replicate="r1")[0]


def named(table: Localizations, name: str) -> Localizations:
    """All localizations in one channel of this name."""
    return replace(table, channel=np.zeros(len(table), np.uint8), channels=(name,))


def row(path, channels: str) -> dict[str, str]:
    return {"path": str(path), "format": "", "pixel_size_nm": "", "channels": channels, "columns": ""}


def ingested(folder, *rows: dict[str, str]) -> Localizations:
    ingest_shard({"fov": list(rows)}, folder / "s.h5", SETTINGS)
    return Localizations.load(folder / "s.h5", "fov")


def test_one_file_for_two_channels_is_an_error_that_names_both_rows(field, tmp_path):
    write_thunderstorm(named(field, "PolII"), tmp_path / "a.csv")
    with pytest.raises(SampleFailure) as error:
        ingested(tmp_path, row(tmp_path / "a.csv", "PolII"), row(tmp_path / "a.csv", "DNA"))
    assert str(error.value) == (
        f"ingest: the channels 'PolII' (row of {tmp_path}/a.csv, channels 'PolII') and 'DNA' (row of {tmp_path}/a.csv, "
        "channels 'DNA') share 100% of their localizations; allowed: a recording, or codes, of its own for each channel"
    )


def test_one_file_with_codes_for_two_rows_gives_each_row_its_own_localizations(field, tmp_path):
    write_thunderstorm(field, tmp_path / "a.csv")
    table = ingested(tmp_path, row(tmp_path / "a.csv", "0:PolII"), row(tmp_path / "a.csv", "1:DNA"))
    both = ingested(tmp_path, row(tmp_path / "a.csv", "0:PolII,1:DNA"))
    assert table.channels == ("PolII", "DNA")
    for name in table.channels:
        assert table.of_channel(name).x.tolist() == both.of_channel(name).x.tolist()


def test_the_same_code_under_two_names_is_an_error(field, tmp_path):
    write_thunderstorm(field, tmp_path / "a.csv")
    with pytest.raises(SampleFailure, match=r"'PolII' .* and 'DNA' .* share 100% of their"):
        ingested(tmp_path, row(tmp_path / "a.csv", "0:PolII"), row(tmp_path / "a.csv", "0:DNA"))


NEARLY = {
    "an offset": lambda t: replace(t, x=t.x + 340, y=t.y - 999),
    "rounded numbers": lambda t: replace(t, x=np.round(t.x, -1), y=np.round(t.y, -1)),
    "another order": lambda t: t[np.random.default_rng(2).permutation(len(t))],
    "a filter": lambda t: t[t.photons > np.quantile(t.photons, 0.3)],
    "frames counted from 1": lambda t: replace(t, frame=t.frame + 1),
    "frames counted from 5": lambda t: replace(t, frame=t.frame + 5),
    "no frames": lambda t: replace(t, frame=None),
    "an outlier far away": lambda t: replace(t, x=np.where(np.arange(len(t)) == 7, np.float32(1e9), t.x)),
}


@pytest.mark.parametrize("change", NEARLY)
def test_a_channel_saved_again_is_found_whatever_was_done_to_it(field, change):
    one = named(field.of_channel("PolII"), "PolII")
    ((first, second, share),) = copied_channels([one, named(NEARLY[change](one), "DNA")])
    assert (first, second) == ((0, "PolII"), (1, "DNA"))
    assert share == pytest.approx(0.7 if change == "a filter" else 1, abs=0.05)


def test_channels_of_their_own_are_no_copies(field):
    assert list(copied_channels([field])) == []
    others = [simulate(SMALL, seed=seed, replicate="r1")[0].of_channel("DNA") for seed in (2, 3)]
    assert list(copied_channels([named(table, name) for table, name in zip(others, "ab", strict=True)])) == []


def test_crosstalk_of_a_bright_channel_into_a_dim_one_is_no_copy(field):
    bright = named(field, "DNA")
    few = named(field[np.random.default_rng(3).random(len(field)) < 0.1], "PolII")
    assert list(copied_channels([bright, few])) == []


def test_fiducials_that_both_channels_show_are_no_copy(field):
    def with_beads(table: Localizations, name: str, seed: int) -> Localizations:
        rng, frames = np.random.default_rng(seed), np.arange(2000)
        bead = table[np.zeros(2000, int)]
        bead = replace(bead, x=5000 + rng.normal(0, 5, 2000), y=5000 + rng.normal(0, 5, 2000), frame=frames)
        joined = {key: np.concatenate([values, getattr(bead, key)]) for key, values in table.columns().items()}
        return named(replace(table, **joined), name)

    assert min(len(field.of_channel(name)) for name in field.channels) > 2000
    parts = [with_beads(field.of_channel(name), name, seed) for seed, name in enumerate(field.channels)]
    assert list(copied_channels(parts)) == []


def blinking(seed: int, per_frame: int, beads: NDArray[np.float64], sd: float, name: str) -> Localizations:
    """In each of 4000 frames one localization of each place (n, 2), and some anywhere in a field of 20 µm."""
    rng, frames = np.random.default_rng(seed), np.arange(4000)
    fixed = np.tile(beads, (4000, 1)) + rng.normal(0, sd, (4000 * len(beads), 2))
    places = np.concatenate([fixed, rng.uniform(0, 20_000, (4000 * per_frame, 2))])
    frame = np.concatenate([frames.repeat(len(beads)), frames.repeat(per_frame)])
    return Localizations(*places.T, np.zeros(len(frame)), (name,), frame=frame)


BEADS = np.random.default_rng(0).uniform(0, 20_000, (6, 2))


@pytest.mark.parametrize("per_frame", [0, 2, 4, 5])
def test_six_beads_in_every_frame_of_channels_of_their_own_are_no_copy(per_frame):
    parts = [blinking(seed, per_frame, BEADS, 5.0, name) for seed, name in enumerate("ab")]
    assert list(copied_channels(parts)) == []


def test_one_dense_cluster_recorded_twice_is_no_copy():
    parts = [blinking(seed, 0, BEADS[:1], 60.0, name) for seed, name in enumerate("ab")]
    assert list(copied_channels(parts)) == []


@pytest.mark.parametrize("per_frame", [2, 5])
def test_a_copy_is_found_among_beads(per_frame):
    one = blinking(1, per_frame, BEADS, 5.0, "a")
    ((_, _, share),) = copied_channels([one, replace(named(one, "b"), x=one.x + 50)])
    assert share == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("per_frame", [1, 3])
@pytest.mark.parametrize("frames", [60, 1000])
def test_few_localizations_of_one_cluster_are_no_copy(frames, per_frame):
    places = BEADS[:1].repeat(per_frame, axis=0)
    for seed in range(5):
        pair = [blinking(2 * seed + k, 0, places, 60.0, name)[: frames * per_frame] for k, name in enumerate("ab")]
        assert list(copied_channels(pair)) == []


def test_a_copy_of_one_cluster_is_found_by_equal_localizations():
    one = blinking(1, 0, BEADS[:1], 60.0, "a")
    ((_, _, share),) = copied_channels([one, replace(named(one, "b"), frame=one.frame + 5)])
    assert share == 1
