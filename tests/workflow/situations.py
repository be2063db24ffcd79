"""Sixty legitimate but unusual projects, each a change of a plain one, with what has to come of it.

A change takes the project. What comes: the same nuclei and localizations as of the plain project (`SAME`), those with
some samples' counts changed (a mapping), or an error before or in the run (a pattern of its text).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from project import Project

SAME: dict[str, Any] = {}
SAMPLES = {"a1": ("somatic", "r1"), "a2": ("somatic", "r2"), "b1": ("hiPSC", "r1"), "b2": ("hiPSC", "r2")}
NUMBER = 1200
"""Localizations of a file, a third of them of the second channel."""


@dataclass(frozen=True)
class Situation:
    """A change of the plain project, and what has to come of it.

    Attributes
    ----------
    change : callable
        Of the project.
    comes : mapping or str
        Sample -> localizations (PolII, DNA) where they differ, None for a sample that is left out; or the text of an
        error, a pattern.
    told : str
        Pattern that Snakemake's output or `qc/summary.tsv` has to hold; empty for none.
    dozen : bool
        Whether CI runs it too.
    environment : mapping
        Variables of the run.
    """

    change: Callable[[Project], None]
    comes: Mapping[str, Any] | str = field(default_factory=dict)
    told: str = ""
    dozen: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its function."""
        return self.change.__name__


SITUATIONS: list[Situation] = []


def situation(comes: Mapping[str, Any] | str = SAME, told: str = "", dozen: bool = False, **environment: str) -> Any:
    """Add a change to the list."""

    def add(change: Callable[[Project], None]) -> Callable[[Project], None]:
        SITUATIONS.append(Situation(change, comes, told, dozen, environment))
        return change

    return add


# The plain project ---------------------------------------------------------------------------------------------------


def table(sample: str) -> pd.DataFrame:
    """A file's localizations: a disc of 8 µm."""
    rng = np.random.default_rng(sorted(SAMPLES).index(sample))
    angle, radius = rng.uniform(0, 2 * np.pi, NUMBER), 4000 * np.sqrt(rng.uniform(0, 1, NUMBER))
    return pd.DataFrame(
        {
            "frame": np.sort(rng.integers(1, 2000, NUMBER)),
            "x [nm]": np.round(9000 + radius * np.cos(angle), 2),
            "y [nm]": np.round(9000 + radius * np.sin(angle), 2),
            "intensity [photon]": np.round(rng.uniform(500, 3000, NUMBER), 1),
            "uncertainty [nm]": np.round(rng.uniform(8, 20, NUMBER), 2),
            "channel": np.arange(NUMBER) % 3 // 2,
        }
    )


def write_plain(project: Project) -> None:
    """Files, sheet and config."""
    (project.folder / "data").mkdir()
    for sample in SAMPLES:
        table(sample).to_csv(project.folder / "data" / f"{sample}.csv", index=False)
    lines = ["sample\tpath\tchannels\tlabel\treplicate"]
    lines += [f"{name}\tdata/{name}.csv\t0:PolII,1:DNA\t{label}\t{own}" for name, (label, own) in SAMPLES.items()]
    sheet_of(project).write_text("\n".join(lines) + "\n")
    project.write_config(
        {
            "samples": "config/samples.tsv",
            "channels": ["PolII", "DNA"],
            "drift": {"method": "none"},
            "quality": {"isolated": None, "crowded": None, "merge": None},
            "nuclei": {"method": "whole", "area_um2": [1, 400]},
            "experiments": {"e": {"classes": ["somatic", "hiPSC"], "folds": 2}},
        }
    )


def sheet_of(project: Project) -> Any:
    return project.folder / "config" / "samples.tsv"


def in_sheet(project: Project, *changes: tuple[str, str]) -> None:
    text = sheet_of(project).read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    sheet_of(project).write_text(text)


def in_config(project: Project, **sections: Any) -> None:
    project.write_config(project.config() | sections)


def in_file(project: Project, change: Callable[[str], str], sample: str = "a1") -> None:
    path = project.folder / "data" / f"{sample}.csv"
    path.write_text(change(path.read_text()))


def of_table(project: Project, change: Callable[[pd.DataFrame], Any], sample: str = "a1", **options: Any) -> None:
    found = table(sample)
    changed = change(found)
    own = found if changed is None else changed
    own.to_csv(project.folder / "data" / f"{sample}.csv", **({"index": False} | options))


# Files ---------------------------------------------------------------------------------------------------------------


@situation(dozen=True)
def lines_end_as_on_windows(project):
    in_file(project, lambda text: text.replace("\n", "\r\n"))


@situation()
def the_last_line_has_no_end(project):
    in_file(project, lambda text: text.rstrip("\n"))


@situation()
def empty_lines_follow(project):
    in_file(project, lambda text: text + "\n\n")


@situation(dozen=True)
def a_byte_order_mark(project):
    in_file(project, lambda text: "\ufeff" + text)


@situation()
def utf_16(project):
    path = project.folder / "data" / "a1.csv"
    path.write_bytes(path.read_text().encode("utf-16"))


@situation()
def micrometres_with_the_sign(project):
    def change(own):
        own[["x [nm]", "y [nm]"]] = (own[["x [nm]", "y [nm]"]] / 1000).round(5)
        return own.rename(columns={"x [nm]": "x [µm]", "y [nm]": "y [µm]"})

    of_table(project, change)


@situation()
def numbers_with_exponents(project):
    of_table(project, lambda own: None, float_format="%.8e")


@situation()
def every_cell_in_quotes(project):
    of_table(project, lambda own: None, quoting=1)


@situation()
def columns_in_another_order(project):
    of_table(project, lambda own: own[list(own)[::-1]])


@situation(dozen=True)
def a_semicolon_and_decimal_commas(project):
    of_table(project, lambda own: None, sep=";", decimal=",")


@situation()
def tabs_between_columns(project):
    of_table(project, lambda own: None, sep="\t")


@situation()
def rows_in_any_order(project):
    of_table(project, lambda own: own.sample(frac=1, random_state=1))


@situation()
def more_columns_than_are_known(project):
    of_table(project, lambda own: own.assign(loss=0.5, iterations=7))


@situation({"a1": (795, 395)}, told=r"a1\t[^\n\t]*\t1200\t10\t")
def positions_that_are_no_numbers(project):
    def change(own):
        own.loc[own.index[own["channel"] == 0][:5], "x [nm]"] = np.nan
        own.loc[own.index[own["channel"] == 1][:5], "y [nm]"] = np.inf

    of_table(project, change)


@situation({"a1": (800, 390)})
def photons_below_zero(project):
    def change(own):
        own.loc[own.index[own["channel"] == 1][:10], "intensity [photon]"] = -3.0

    of_table(project, change)


@situation({"a1": (799, 400)})
def a_frame_beyond_any_recording(project):
    def change(own):
        own.loc[own.index[own["channel"] == 0][0], "frame"] = 9_000_000_000

    of_table(project, change)


@situation()
def rows_given_twice(project):
    of_table(project, lambda own: pd.concat([own, own.iloc[:50]]))


@situation({"a1": (799, 400)})
def a_position_in_another_room(project):
    def change(own):
        own.loc[own.index[own["channel"] == 0][0], "x [nm]"] = 4e9

    of_table(project, change)


@situation()
def frames_written_with_decimals(project):
    of_table(project, lambda own: own.assign(frame=own["frame"].astype(float)))


@situation()
def frames_from_a_million(project):
    of_table(project, lambda own: own.assign(frame=own["frame"] + 1_000_000))


@situation(dozen=True)
def a_stage_of_five_centimetres(project):
    of_table(project, lambda own: own.assign(**{"x [nm]": own["x [nm]"] + 5e7, "y [nm]": own["y [nm]"] - 3e7}))


@situation()
def positions_left_of_zero(project):
    of_table(project, lambda own: own.assign(**{"x [nm]": own["x [nm]"] - 20_000}))


@situation("a1.csv: .*holds a header but no rows|a1.csv.*no rows", dozen=True)
def a_header_alone(project):
    in_file(project, lambda text: text.splitlines()[0] + "\n")
    in_config(project, ingest={"on_bad_file": "fail"})


@situation("a1.csv.*empty")
def an_empty_file(project):
    in_file(project, lambda text: "")
    in_config(project, ingest={"on_bad_file": "fail"})


@situation("a1.csv: is compressed with gzip; unpack it first")
def a_compressed_file(project):
    import gzip

    path = project.folder / "data" / "a1.csv"
    path.write_bytes(gzip.compress(path.read_bytes()))
    in_config(project, ingest={"on_bad_file": "fail"})


@situation("a1.csv: row 600.*'three' is not a number")
def a_word_among_numbers(project):
    def change(text):
        lines = text.splitlines()
        lines[599] = lines[599].replace(lines[599].split(",")[1], "three", 1)
        return "\n".join(lines) + "\n"

    in_file(project, change)
    in_config(project, ingest={"on_bad_file": "fail"})


@situation("a1.csv.*row|a1.csv.*column")
def a_file_that_was_cut_off(project):
    in_file(project, lambda text: text[: len(text) // 2].rstrip("0123456789."))
    in_config(project, ingest={"on_bad_file": "fail"})


@situation({"a1": (800, 400)})
def a_third_channel_that_nobody_names(project):
    of_table(project, lambda own: pd.concat([own, own.iloc[:30].assign(channel=2, frame=1)]))


# Names and places ----------------------------------------------------------------------------------------------------


def renamed(project: Project, name: str) -> None:
    (project.folder / "data" / "a1.csv").rename(project.folder / "data" / name)
    in_sheet(project, ("data/a1.csv", f"data/{name}"))


@situation(dozen=True)
def a_path_with_blanks_and_letters_of_greek(project):
    renamed(project, "α field 1 (best).csv")


@situation(dozen=True)
def a_path_with_braces(project):
    renamed(project, "a{1}.csv")


@situation()
def a_path_with_a_hash_and_a_percent_sign(project):
    renamed(project, "a#1%20.csv")


@situation()
def an_ending_in_capitals(project):
    renamed(project, "a1.CSV")


@situation()
def no_ending_at_all(project):
    renamed(project, "a1")


@situation()
def a_quote_in_a_path(project):
    renamed(project, "a'1.csv")


@situation()
def a_symbolic_link(project):
    path = project.folder / "data" / "a1.csv"
    path.rename(project.folder / "elsewhere.csv")
    path.symlink_to("../elsewhere.csv")


@situation()
def an_absolute_path(project):
    in_sheet(project, ("data/a1.csv", str(project.folder / "data" / "a1.csv")))


@situation()
def a_path_with_a_step_back(project):
    in_sheet(project, ("data/a1.csv", "data/../data/a1.csv"))


@situation()
def files_that_may_only_be_read(project):
    for path in (project.folder / "data").iterdir():
        path.chmod(0o444)


@situation("data/a1.csv.*a folder")
def a_folder_instead_of_a_file(project):
    path = project.folder / "data" / "a1.csv"
    path.unlink()
    path.mkdir()


@situation()
def results_on_another_disk(project):
    other = project.folder.parent / f"{project.folder.name}-disk"
    other.mkdir()
    shutil.rmtree(project.folder / "results", ignore_errors=True)
    (project.folder / "results").symlink_to(other)


# The sheet -----------------------------------------------------------------------------------------------------------


@situation()
def a_sheet_of_a_spreadsheet(project):
    text = sheet_of(project).read_text()
    sheet_of(project).write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())


@situation()
def empty_rows_and_trailing_tabs_in_the_sheet(project):
    sheet_of(project).write_text(sheet_of(project).read_text().replace("\n", "\n\n") + "\t\t\t\t\n")


@situation()
def columns_of_the_sheet_in_another_order(project):
    own = pd.read_csv(sheet_of(project), sep="\t", dtype=str)
    own[list(own)[::-1]].to_csv(sheet_of(project), sep="\t", index=False)


@situation(r"samples\.tsv.*row 1.*(blanks|tab)", dozen=True)
def blanks_instead_of_tabs(project):
    sheet_of(project).write_text(sheet_of(project).read_text().replace("\t", "    "))


@situation("samples.tsv.*data/missing.csv.*no such file")
def a_file_that_is_not_there(project):
    in_sheet(project, ("data/a1.csv", "data/missing.csv"))


@situation("replicate")
def a_replicate_of_one_digit_and_a_missing_one(project):
    in_sheet(project, ("\tsomatic\tr1", "\tsomatic\t"))


@situation()
def replicates_that_are_numbers_with_leading_zeros(project):
    in_sheet(project, ("\tr1", "\t01"), ("\tr2", "\t1"))


@situation({"a1": None}, told="a1.*somatic", dozen=True)
def a_label_with_a_typo(project):
    rows = "a3\tdata/a3.csv\t0:PolII,1:DNA\tsomatic\tr1\n"
    table("a2").assign(frame=lambda own: own["frame"] + 7).sample(frac=0.9, random_state=2).assign(
        **{"x [nm]": lambda own: own["y [nm]"] + 13.0}
    ).to_csv(project.folder / "data" / "a3.csv", index=False)
    in_sheet(project, ("a1\tdata/a1.csv\t0:PolII,1:DNA\tsomatic", "a1\tdata/a1.csv\t0:PolII,1:DNA\tsomatc"))
    sheet_of(project).write_text(sheet_of(project).read_text() + rows)


@situation({"a1": None}, told=r"a1.*U\+200B")
def a_label_with_an_invisible_character(project):
    a_label_with_a_typo(project)
    in_sheet(project, ("somatc", "somatic\u200b"))


@situation("role.*train")
def a_role_in_capitals(project):
    lines = sheet_of(project).read_text().splitlines()
    sheet_of(project).write_text("\n".join([lines[0] + "\trole", *(f"{line}\tTRAIN" for line in lines[1:])]) + "\n")


@situation("a1.*a2|a2.*a1")
def one_file_for_two_samples(project):
    in_sheet(project, ("data/a2.csv", "data/a1.csv"))


@situation("PolII.*DNA|DNA.*PolII", dozen=True)
def one_channel_under_two_names(project):
    of_table(project, lambda own: pd.concat([own.assign(channel=0), own.assign(channel=1)]))
    in_config(project, ingest={"on_bad_file": "fail"})


@situation()
def two_files_of_one_sample(project):
    for code in (0, 1):
        own = table("a1")
        own[own["channel"] == code].drop(columns="channel").to_csv(project.folder / f"data/a1-{code}.csv", index=False)
    in_sheet(
        project,
        (
            "a1\tdata/a1.csv\t0:PolII,1:DNA\tsomatic\tr1",
            "a1\tdata/a1-0.csv\tPolII\tsomatic\tr1\na1\tdata/a1-1.csv\tDNA\tsomatic\tr1",
        ),
    )


# The config and the run ----------------------------------------------------------------------------------------------


@situation()
def a_config_with_windows_line_ends(project):
    path = project.folder / "config" / "config.yaml"
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode())


@situation("shardsize.*shard_size")
def a_key_with_a_typo(project):
    in_config(project, shardsize=3)


@situation()
def a_shard_for_every_sample(project):
    in_config(project, shard_size=1)


@situation(dozen=True, LC_ALL="C", TZ="Pacific/Kiritimati")
def a_locale_without_letters_of_greek(project):
    pass


@situation(PYTHONHASHSEED="12345")
def another_seed_of_hashes(project):
    pass


@situation("clipped_share.*canvas_nm|canvas_nm.*clipped_share", dozen=True)
def a_canvas_smaller_than_the_nuclei(project):
    experiment = {"classes": ["somatic", "hiPSC"], "folds": 2, "views": None, "render": "small"}
    in_config(project, renders={"small": {"voxel_nm": 200, "canvas_nm": 6000}}, experiments={"e": experiment})


@situation()
def a_mask_of_nobody_else(project):
    for path in project.folder.rglob("*"):
        if path.is_dir():
            os.chmod(path, 0o700)
