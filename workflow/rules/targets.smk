# What a run is to make, what it reads for that, and what counts as a change.

from snakemake.settings.types import RerunTrigger

from ainu.files import read_table, sha256
from ainu.shards import left_out

RECORD = "results/provenance/ro-crate-metadata.json"
# Larger files than this (bytes) are compared by their age, all others by their content.
LARGEST_COMPARED = 10**12

# Rules whose first output is a file with a group per sample of a shard.
SHARD_RULES = (
    "ingest",
    "correct_drift",
    "filter_quality",
    "find_nuclei",
    "voxelize",
    "measure_features",
    "fingerprint",
    "explain_localizations",
)

TARGETS = [
    "results/qc/summary.tsv",
    *expand(
        "results/experiments/{experiment}/report.html",
        experiment=[name for name in CONFIG["experiments"] if name not in [*RUNS, *SWEEP_OF]],
    ),
    *gathered(name for name in CONFIG["experiments"] if name not in [*RUNS, *SWEEP_OF]),
    *rules.predict.input,
    *expand("results/experiments/{experiment}/sweep.tsv", experiment=RUNS),
    *expand("results/experiments/{experiment}/study.tsv", experiment=STUDIES),
    *exported_tables(),
]


def compare_by_content():
    """Content decides what runs again, not age: a touched input, a touched script or a fresh clone reruns nothing.

    Snakemake compares the content of small inputs only, and of scripts only the age. Its settings come after this file
    is read, so they are changed when they do. A workflow that uses this one as a module keeps its own.
    """
    if Path(workflow.basedir) == HOME:
        type(workflow).dag_settings = property(lambda self: vars(self)["dag_settings"], set_settings)


def set_settings(self, settings):
    """Take Snakemake's settings of what reruns, but for what is said by `compare_by_content`."""
    if settings is not None:
        settings.max_checksum_file_size = max(settings.max_checksum_file_size, LARGEST_COMPARED)
        settings.rerun_triggers = frozenset(settings.rerun_triggers) - {RerunTrigger.CODE}
    vars(self)["dag_settings"] = settings


def files_read():
    """Files that a run reads and does not make: sheet, localization files, outlines, beads, weights and models."""
    found = [CONFIG["samples"], *bead_tables(), *SETTINGS.samples["roi"]]
    found += [file for path in SETTINGS.samples["path"] for file in with_sidecar(path)]
    found += [experiment["transfer"]["weights"] for experiment in CONFIG["experiments"].values()]
    found += [f"{CONFIG['predict']['models'][name]}/{file}" for name in PACKS for file in listed_files(PACKS[name])]
    return sorted({file for file in found if file and not file.startswith(SIMULATED)})


def samples_left_out():
    """Why samples failed, by sample: as the files tell it that the run made or built on."""
    made = [(job.rule.name, str(job.output[0])) for job in workflow.dag.jobs if job.output]
    shards = [path for name, path in made if name in SHARD_RULES]
    reasons = {sample: list(map(str, why)) for sample, why in left_out(filter(written, sorted(shards))).items()}
    summaries = [f"{folder}/summary.tsv" for name, folder in made if name == "qc"]
    for table in map(read_table, filter(written, sorted(summaries))):
        for sample, why in table[["sample", "skipped"]].to_numpy():
            reasons.setdefault(sample, []).append(why)
    return {sample: list(dict.fromkeys(filter(None, why))) for sample, why in reasons.items() if any(why)}


def written(path):
    """Whether a file is there and holds anything."""
    return Path(path).exists() and Path(path).stat().st_size > 0


def tell_samples_left_out():
    """The list at the end of a run."""
    lines = [f"  {sample}: {why}" for sample, reasons in samples_left_out().items() for why in reasons]
    if lines:
        print("ainu: samples left out", *lines, sep="\n", file=sys.stderr)


def refuse_bad_files():
    """A run with files that could not be read does not end well, whatever was asked of it, unless the config says so."""
    bad = any(why.startswith("ingest: ") for reasons in samples_left_out().values() for why in reasons)
    if bad and CONFIG["ingest"]["on_bad_file"] == "fail":
        raise WorkflowError("ainu: files could not be read (above); mend them, or set ingest.on_bad_file: skip")


onsuccess:
    tell_samples_left_out()
    refuse_bad_files()


onerror:
    tell_samples_left_out()
