# What is trained: the runs of sweeps, studies of few nuclei, and the weights that a training starts from.

from ainu.settings.sweep import runs_of

# Runs of each experiment with a sweep.
RUNS = {
    name: list(runs_of(name, settings))
    for name, settings in CONFIG["experiments"].items()
    if settings["sweep"] is not None
}
SWEEP_OF = {run: name for name, runs in RUNS.items() for run in runs}
STUDIES = [name for name, settings in CONFIG["experiments"].items() if settings["study"] is not None]


def inner_folds_of(run):
    """Inner folds by which a run's sweep chooses."""
    return CONFIG["experiments"][SWEEP_OF[run]]["sweep"].get("inner_folds", 0)


def run_files(run):
    """What is compared of a run: predictions, a model, its speed, and inner predictions where its sweep chooses."""
    inner = [f"{Path(folder).name}/inner{k}.tsv" for folder in models_of(run) for k in range(inner_folds_of(run))]
    return {
        "predictions": f"results/experiments/{run}/predictions.tsv",
        "model": f"{models_of(run)[0]}/model.json",
        "speed": f"results/benchmarks/train/{run}/repeat0-fold0.speed.json",
        "inner": [f"results/experiments/{run}/inner/{name}" for name in inner],
    }


def study_of(experiment):
    """The study of an experiment with its defaults: without `init_from` there is nothing to transfer."""
    settings = CONFIG["experiments"][experiment]
    start = settings["init_from"] or settings["transfer"]["weights"]
    modes = ["finetune", "frozen", "scratch"] if start else ["scratch"]
    return {"sizes": [5, 10, 20, 40, "all"], "draws": 5, "modes": modes} | settings["study"]


def initial_models(wildcards):
    """Models and folds of the experiment that the initial weights come from, if any."""
    settings = experiment_of(wildcards)
    source, weights = settings["init_from"], settings["transfer"]["weights"]
    if settings["transfer"]["mode"] == "scratch" or (source is None and weights is None):
        return []
    return [weights] if source is None else [*model_files(source), f"results/experiments/{source}/folds.tsv"]


def recipe_of(wildcards):
    """What an experiment says of its training."""
    settings = experiment_of(wildcards)
    return {key: settings[key] for key in ("classes", "network", "intensity", "training", "augmentation", "transfer")}


def training_memory(wildcards, input, attempt):
    """Memory in MB of a training: its unpacked data, but from `memory_gb` on these are memory-mapped."""
    most = 4000 + 1500 * experiment_of(wildcards)["training"]["memory_gb"]
    return int(min(max(4000, 20 * size_mb([input.dataset])), most) * attempt)


def control_network(experiment):
    """Architecture of an experiment's control networks."""
    settings = SETTINGS.experiment(experiment)
    return settings["audit"]["network"] or settings["network"]


def controls_of(experiment):
    """What control networks are trained on: what the audit asks for, and the untouched images to compare with."""
    settings = SETTINGS.experiment(experiment)
    audit, counted = settings["audit"], CONFIG["renders"][settings["render"]]["kernel"] == "count"
    asked = [control for control in audit["networks"] if counted or control != "equal_counts"]
    compared = control_network(experiment) != settings["network"] and (asked or audit["network_permutations"])
    return [*(["unchanged"] if compared else []), *asked]


def control_tables(wildcards):
    """Predictions of the control networks, a file per fold of the first repeat."""
    folds = range(experiment_of(wildcards)["folds"]) if controls_of(wildcards.experiment) else []
    return [f"results/experiments/{wildcards.experiment}/controls/fold{fold}.tsv" for fold in folds]


def permuted_tables(wildcards):
    """Predictions of the networks that were trained on exchanged labels."""
    draws = range(experiment_of(wildcards)["audit"]["network_permutations"])
    return [f"results/experiments/{wildcards.experiment}/permuted/draw{draw}.tsv" for draw in draws]


def control_recipe(wildcards):
    """What an experiment says of its training, for its control networks: other ones start from random weights."""
    recipe, network = recipe_of(wildcards), control_network(wildcards.experiment)
    if network == recipe["network"]:
        return recipe
    return recipe | {"network": network, "transfer": recipe["transfer"] | {"mode": "scratch", "weights": None}}


def control_initial_models(wildcards):
    """Files that the initial weights of the control networks come from, if any."""
    own = control_recipe(wildcards)["transfer"]["mode"] != "scratch"
    return initial_models(wildcards) if own else []


def control_initial_folders(wildcards):
    """Folders of the models that the initial weights of the control networks come from, if any."""
    files = control_initial_models(wildcards)
    return models_of(experiment_of(wildcards)["init_from"] or "") if files else []


def mask_files(wildcards):
    """The nuclei files that hold the outlines, where a control network sees these."""
    asked = "outline" in controls_of(wildcards.experiment)
    return shard_files("nuclei", SETTINGS.samples_of(wildcards.experiment)) if asked else []


def shard_file_of_samples(name, samples):
    """The file of a stage that holds each of the samples."""
    return {sample: f"results/{name}/{SETTINGS.rows(sample)[0]['shard']}.h5" for sample in samples}


def compared_rows(samples):
    """What the leakage check has to know of samples."""
    rows = [SETTINGS.rows(sample)[0] for sample in samples]
    return [{key: row[key] for key in ("sample", "replicate", "label", "role")} for row in rows]


def locked_and_trained(wildcards):
    """Samples of an experiment, and its hold-out: no recording may be in both."""
    return [*SETTINGS.samples_of(wildcards.experiment), *hold_out_of(wildcards.experiment)]
