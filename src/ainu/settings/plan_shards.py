"""The plan of the shards: the samples that one job works on, up to `voxelize`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ainu.localizations.settings import ReadingSettings
from ainu.nuclei.settings import SearchSettings
from ainu.quality.spot_widths import filtered_columns
from ainu.settings.check import Settings
from ainu.settings.config import Config, Experiment
from ainu.typed import plain

SIMULATED = "results/simulated/"


@dataclass(frozen=True, eq=False)
class ShardPlan:
    """What the jobs of shards read and need to know.

    Attributes
    ----------
    settings : Settings
        Config and sheet, checked.
    """

    settings: Settings

    @property
    def config(self) -> Config:
        """The checked config."""
        return self.settings.config

    def experiment(self, name: str) -> Experiment:
        """Settings of an experiment."""
        return self.settings.experiment(name)

    def samples_of_shard(self, shard: str) -> list[str]:
        """Samples of a shard."""
        return list(self.settings.shards[shard])

    def read_rows(self, shard: str) -> dict[str, list[dict[str, str]]]:
        """What `ingest` needs of the sheet, by sample: no file is read again because its label or batch was edited."""
        needed = ("path", "format", "pixel_size_nm", "channels", "columns")
        return {
            sample: [{key: row[key] for key in needed} for row in self.settings.rows(sample)]
            for sample in self.settings.shards[shard]
        }

    def localization_files(self, shard: str) -> list[str]:
        """Files that a shard's samples are read from."""
        rows = (row for sample in self.settings.shards[shard] for row in self.settings.rows(sample))
        return [file for row in rows for file in with_sidecar(row["path"])]

    def files_to_inspect(self) -> list[str]:
        """All localization files of the sheet, and what is read beside them."""
        return list(dict.fromkeys(file for shard in self.settings.shards for file in self.localization_files(shard)))

    def rows_to_inspect(self) -> list[dict[str, str]]:
        """What reading needs of every row of the sheet."""
        shards = [self.read_rows(shard) for shard in self.settings.shards]
        return [row for shard in shards for rows in shard.values() for row in rows]

    def bead_tables(self) -> list[str]:
        """The table of beads by which channels are aligned, if any."""
        alignment = self.config.ingest.alignment
        return [alignment.bead_table] if alignment and alignment.bead_table else []

    def ingest_settings(self) -> dict[str, Any]:
        """What `ingest` needs of the config; what becomes of a file that cannot be read is decided by `assemble`."""
        return plain(self.config.ingest, ReadingSettings)

    def columns_to_keep(self) -> list[str]:
        """Columns without which a file cannot be used."""
        return [str(self.config.nuclei.column)] if self.config.nuclei.method == "column" else []

    def columns_to_filter(self) -> list[str]:
        """Columns that quality filters need, where a file has them."""
        return list(filtered_columns(self.config.quality))

    def nuclei_settings(self) -> dict[str, Any]:
        """What `find_nuclei` needs of the config, beside the ROIs."""
        return plain(self.config.nuclei, SearchSettings)

    def rois(self, shard: str) -> dict[str, tuple[str, float]]:
        """ROI file or label image of each sample of a shard that has one, with the pixel (nm) of the image."""
        if self.config.nuclei.method not in ("roi", "labels"):
            return {}
        drawn_on, camera = self.config.nuclei.roi_pixel_nm, self.config.ingest.pixel_size_nm
        rows = [row for sample in self.settings.shards[shard] for row in self.settings.rows(sample) if row["roi"]]
        return {row["sample"]: (row["roi"], float(drawn_on or row["pixel_size_nm"] or camera or 0)) for row in rows}

    def shard_files(self, stage: str, samples: Iterable[str]) -> list[str]:
        """The files of a stage that hold the given samples."""
        shards = dict.fromkeys(self.settings.rows(sample)[0]["shard"] for sample in samples)
        return [f"results/{stage}/{shard}.h5" for shard in shards]

    def all_shard_files(self, stage: str) -> list[str]:
        """The files of a stage, of all shards."""
        return [f"results/{stage}/{shard}.h5" for shard in self.settings.shards]

    def shard_file_of(self, stage: str, samples: Iterable[str]) -> dict[str, str]:
        """The file of a stage that holds each of the samples."""
        return {sample: f"results/{stage}/{self.settings.rows(sample)[0]['shard']}.h5" for sample in samples}

    def simulated_rows(self) -> list[dict[str, str]]:
        """Rows of the sheet whose files are simulated, each with its place among those of its label."""
        table = self.settings.samples
        table = table.assign(place=table.groupby("label").cumcount())
        own = table.loc[table["path"].str.startswith(SIMULATED), ["sample", "path", "label", "replicate", "place"]]
        return [{str(name): str(cell) for name, cell in row.items()} for row in own.to_dict("records")]


def with_sidecar(path: str) -> list[str]:
    """A localization file and, for Picasso's, the YAML beside it where there is one or will be one."""
    if not path.endswith((".hdf5", ".h5")):
        return [path]
    sidecar = Path(path).with_suffix(".yaml")
    return [path, str(sidecar)] if path.startswith(SIMULATED) or sidecar.exists() else [path]
