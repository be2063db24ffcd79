# What the rules share: the checked settings, and short names for what they look up in them.

import re
from os.path import getsize

from snakemake.iocontainers import InputFiles

from ainu import AinuError
from ainu.networks.catalogue import POINT_NETWORKS
from ainu.record.code_digest import code_digest
from ainu.settings.check import check
from ainu.quality.spot_widths import filtered_columns

try:
    SETTINGS = check(config)
except AinuError as error:
    raise WorkflowError(str(error)) from None

CONFIG = SETTINGS.config
ENVIRONMENT = str(HOME / "envs" / "cpu.yaml")
GPU_ENVIRONMENT = str(HOME / "envs" / "cuda.yaml")


def code_of(script):
    """Digest of a script and of the modules that it uses."""
    return code_digest(HOME / "workflow" / "scripts" / f"{script}.py")


SIMULATED = "results/simulated/"


def one_of(names):
    """A regular expression that matches the given names and nothing else."""
    return "|".join(map(re.escape, names)) or "none"


def experiment_of(wildcards):
    """Settings of an experiment."""
    return SETTINGS.experiment(wildcards.experiment)


def experiment_rows(samples):
    """What the dataset has to know of its samples."""
    rows = [SETTINGS.rows(sample)[0] for sample in samples]
    return [{key: row[key] for key in ("sample", "shard", "replicate", "batch", "label")} for row in rows]


def sheet_channels(row):
    """Names of the channels of a row of the sheet."""
    return [pair.rpartition(":")[2] for pair in row["channels"].split(",")]


def dataset_files(settings, samples):
    """The voxels of samples and, where their networks read localizations, what these are put together from."""
    stages = {"voxels": f"voxels/{settings['render']}"}
    if settings["network"] in POINT_NETWORKS or settings["augmentation"]["level"] == "localizations":
        stages |= {"raw": "localizations", "drift": "drift", "quality": "quality", "nuclei": "nuclei"}
    return {name: shard_files(stage, samples) for name, stage in stages.items()}


def stages_beside_qc(_):
    """Files of the stages that come after the nuclei or beside them, which tell what became of each sample there."""
    found = []
    for name in [name for name in CONFIG["experiments"] if name not in RUNS]:
        samples = SETTINGS.samples_of(name)
        found += [*dataset_files(SETTINGS.experiment(name), samples)["voxels"], *shard_files("fingerprints", samples)]
        found += shard_files("features", samples) if name not in SWEEP_OF else []
    unseen = [dataset_files(predictor(name), unseen_samples(name))["voxels"] for name in PREDICTORS]
    return list(dict.fromkeys(sum(unseen, found)))


def models_of(experiment):
    """Folders of all models of an experiment; none where there is none."""
    if not experiment:
        return []
    settings = SETTINGS.experiment(experiment)
    return [
        f"results/experiments/{experiment}/models/repeat{repeat}-fold{fold}"
        for repeat in range(settings["repeats"])
        for fold in range(settings["folds"])
    ]


def model_files(experiment):
    """Files of all models of an experiment that a prediction depends on."""
    return [f"{folder}/{name}" for folder in models_of(experiment) for name in ("model.safetensors", "model.json")]


def size_mb(files):
    """Size of a job's input in MB. Snakemake's own `size_mb` starts an event loop for every job."""
    if any(file.is_storage for file in files):
        return InputFiles(files).size_mb
    return sum(map(getsize, files)) / 2**20


def memory(factor, least=1000):
    """Memory in MB from the size of the input, more with every attempt."""
    return lambda wildcards, input, attempt: int(max(least, factor * size_mb(input)) * attempt)


def minutes(least, per_gb=0):
    """Runtime in minutes from the size of the input, more with every attempt."""
    return lambda wildcards, input, attempt: int(max(least, per_gb * size_mb(input) / 1024) * attempt)


def with_sidecar(path):
    """A localization file and, for Picasso's, the YAML beside it where there is one or will be one."""
    if not path.endswith((".hdf5", ".h5")):
        return [path]
    sidecar = Path(path).with_suffix(".yaml")
    return [path, str(sidecar)] if path.startswith(SIMULATED) or sidecar.exists() else [path]


def bead_tables():
    """The table of beads by which channels are aligned, if any."""
    table = (CONFIG["ingest"]["alignment"] or {}).get("bead_table")
    return [table] if table else []


def figures_of(rule):
    """The figures that a rule draws."""
    return [str(path) for path in rule.output if path.endswith(".svg")]


def truth_of(wildcards):
    """The comparison with the truth, where all samples of an experiment are simulated."""
    rows = [row for sample in SETTINGS.samples_of(wildcards.experiment) for row in SETTINGS.rows(sample)]
    simulated = all(row["path"].startswith(SIMULATED) for row in rows)
    return [f"results/experiments/{wildcards.experiment}/attribution/truth.json"] if simulated else []


def exported_tables():
    """The tables and images that the config asks for, a folder per format (and render) and shard."""
    formats = CONFIG["export"]["formats"]
    tables = expand(
        "results/export/{format}/{shard}",
        format=[name for name in formats if name != "ome_tiff"],
        shard=SETTINGS.shards,
    )
    images = expand("results/export/ome_tiff/{render}/{shard}", render=CONFIG["renders"], shard=SETTINGS.shards)
    return tables + (images if "ome_tiff" in formats else [])
