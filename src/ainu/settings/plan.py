"""What a run makes, and of which files: the plan that the rules of the workflow look up, without Snakemake itself.

Paths are those of design: relative to the working directory, below `results/`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ainu.errors import AinuError
from ainu.settings.plan_predictions import PredictionPlan
from ainu.settings.plan_shards import SIMULATED, with_sidecar
from ainu.settings.unused import unused_lines, unused_samples
from ainu.typed import plain

RECORD = "results/provenance/ro-crate-metadata.json"


@dataclass(frozen=True, eq=False)
class Plan(PredictionPlan):
    """The files and parameters of all jobs of a run.

    Attributes
    ----------
    settings : Settings
        Config and sheet, checked.
    """

    @cached_property
    def unused(self) -> dict[str, str]:
        """Samples that no experiment trains on and nobody predicts, with the likely reason."""
        return unused_samples(self)

    def tell_unused(self) -> None:
        """Print a line per sample that nothing uses.

        Raises
        ------
        AinuError
            There are such samples, and the config is strict.
        """
        lines = unused_lines(self.settings, self.unused)
        if lines and self.config.strict:
            raise AinuError("\n".join([*lines, "config: strict is true; allowed: sheets whose samples are all used"]))
        if lines:
            print("ainu: samples that nothing uses", *(f"  {line}" for line in lines), sep="\n", file=sys.stderr)

    def attribution_settings(self, experiment: str) -> dict[str, Any]:
        """What an experiment says of its attribution."""
        return plain(self.experiment(experiment).attribution)

    def explained_samples(self, experiment: str, shard: str) -> list[str]:
        """Samples of a shard that an experiment explains."""
        own = self._explained[experiment]
        return [sample for sample in self.settings.shards[shard] if sample in own]

    @cached_property
    def _explained(self) -> dict[str, frozenset[str]]:
        return {name: frozenset(self.samples_of(name)) for name in self.config.experiments}

    def explained_tables(self, experiment: str) -> list[str]:
        """Tables of localizations with their attribution."""
        folder = f"experiments/{experiment}/attribution/localizations"
        return self.shard_files(folder, self.samples_of(experiment))

    def clustering_files(self, experiments: Iterable[str]) -> list[str]:
        """How the localizations that matter lie, of those of the given experiments that explain anything."""
        explained = [name for name in experiments if self.config.experiments[name].attribution.methods != ()]
        return [f"results/experiments/{name}/attribution/gathering.json" for name in explained]

    def voxel_nm(self, experiment: str) -> float:
        """Edge of a voxel, nm, of the images that an experiment sees."""
        return self.config.renders[self.experiment(experiment).render].voxel_nm

    def ground_truth_files(self, experiment: str) -> list[str]:
        """The comparison with the ground truth, where all samples of an experiment are simulated."""
        rows = [row for sample in self.samples_of(experiment) for row in self.settings.rows(sample)]
        simulated = all(row["path"].startswith(SIMULATED) for row in rows)
        return [f"results/experiments/{experiment}/attribution/truth.json"] if simulated else []

    def stages_beside_qc(self) -> list[str]:
        """Files of the stages after the nuclei or beside them, which say what became of each sample there."""
        found = []
        for name in [name for name in self.config.experiments if name not in self.runs]:
            samples = self.samples_of(name)
            found += [*self.dataset_files(name, samples)["voxels"], *self.shard_files("fingerprints", samples)]
            if name not in self.sweep_of:
                found += [*self.shard_files("features", samples), *self.blurred_features(name)]
        for name in self.predicting:
            found += self.dataset_files(name, self.unseen_samples(name))["voxels"]
        return list(dict.fromkeys(found))

    def exported(self) -> list[str]:
        """The tables and images that the config asks for, a folder per format (and render) and shard."""
        formats, shards = self.config.export.formats, self.settings.shards
        tables = [name for name in formats if name != "ome_tiff"]
        renders = self.config.renders if "ome_tiff" in formats else ()
        return [
            *(f"results/export/{name}/{shard}" for name in tables for shard in shards),
            *(f"results/export/ome_tiff/{render}/{shard}" for render in renders for shard in shards),
        ]

    def on_request(self) -> list[str]:
        """What somebody may ask for beyond the targets: it belongs to the run where it is there."""
        shards, renders = self.settings.shards, self.config.renders
        stages = (*(f"voxels/{name}" for name in (*renders, "views")), "features", "blurred_features")
        return [
            "results/inspect.txt",
            *(self.bundle_folder(name) for name in self.config.experiments),
            *(f"results/experiments/{run}" for run in self.sweep_of),
            *(f"results/voxels/{render}/canvas.json" for render in renders),
            *(file for stage in stages for file in self.all_shard_files(stage)),
            *(f"results/export/{name}/{shard}" for name in ("picasso", "thunderstorm") for shard in shards),
            *(f"results/export/ome_tiff/{render}/{shard}" for render in renders for shard in shards),
        ]

    def targets(self) -> list[str]:
        """What a run makes, but for its record."""
        return [
            "results/qc/summary.tsv",
            *(f"results/experiments/{name}/report.html" for name in self.reported),
            *self.clustering_files(self.reported),
            *self.new_predictions(),
            *(f"results/experiments/{name}/sweep.tsv" for name in self.runs),
            *(f"results/experiments/{name}/study.tsv" for name in self.studies),
            *self.exported(),
        ]

    def files_read(self) -> list[str]:
        """Files that a run reads and does not make: sheet, localization files, outlines, beads, weights and models."""
        found: list[str | None] = [self.config.samples, *self.bead_tables(), *self.settings.samples["roi"]]
        found += [file for path in self.settings.samples["path"] for file in with_sidecar(path)]
        found += [own.transfer.weights for own in self.config.experiments.values()]
        found += [file for name in self.bundles for file in self.bundle_files(name)]
        return sorted({file for file in found if file and not file.startswith(SIMULATED)})

    def report_settings(self) -> dict[str, Any]:
        """What a report says of the preparation."""
        return {key: plain(getattr(self.config, key)) for key in ("seed", "drift", "quality", "nuclei", "renders")}
