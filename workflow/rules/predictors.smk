# Who predicts new samples: the experiments of this run, and packed models that the config names.

from ainu.prediction.bundle import fitting_render, listed_files, read_info, verify

PACKS = {name: read_info(folder) for name, folder in CONFIG["predict"]["models"].items()}
PREPARATION = {key: CONFIG[key] for key in ("drift", "quality", "nuclei")}

# Digests of large files take a second: checked once here, before any job, and by the job that predicts.
if workflow.is_main_process:
    for name, folder in CONFIG["predict"]["models"].items():
        try:
            verify(folder)
        except AinuError as error:
            raise WorkflowError(f"config: predict.models.{name}: {error}") from None


def predictor(name):
    """Classes, channels, render, network and augmentation of an experiment or of packed models."""
    if name in PACKS:
        return PACKS[name] | {"render": fitting_render(PACKS[name], CONFIG["renders"])}
    return SETTINGS.experiment(name)


def pack_folder(name):
    """Where the packed models are."""
    return CONFIG["predict"]["models"].get(name, f"results/experiments/{name}/ainu-model")


def pack_files(name):
    """What a prediction depends on: every file of a pack that is there, or the pack that will be made."""
    folder = pack_folder(name)
    return [f"{folder}/{file}" for file in listed_files(PACKS[name])] if name in PACKS else folder


def unseen_samples(name):
    """Samples to predict that no model was trained on: unlabelled ones and those of role `test`."""
    settings, found = predictor(name), []
    for sample in dict.fromkeys(SETTINGS.samples["sample"]):
        rows = SETTINGS.rows(sample)
        label, role = rows[0]["label"], rows[0]["role"]
        if label == "" or (role == "test" and label in settings["classes"]):
            if {channel for row in rows for channel in sheet_channels(row)} >= set(settings["channels"]):
                found.append(sample)
    return found


def new_predictions_of(wildcards):
    """Predictions of new samples by an experiment, where there are such samples and they are predicted unasked."""
    name = wildcards.experiment
    return [f"results/predictions/{name}.tsv"] if name in PREDICTORS and unseen_samples(name) else []


# Runs of a sweep predict new samples when asked for by name: all of them would use up the locked hold-out by choosing.
PREDICTORS = [name for name in (*CONFIG["experiments"], *PACKS) if name not in (*RUNS, *SWEEP_OF)]

for name in PACKS:
    if not unseen_samples(name):
        raise WorkflowError(
            f"config: predict.models.{name}: no sample to predict in {CONFIG['samples']}; needed: a row with an empty "
            f"label, or of role test, with the channels {', '.join(PACKS[name]['channels'])}"
        )


def hold_out_of(experiment):
    """Samples of role `test` of an experiment's classes."""
    return [sample for sample in unseen_samples(experiment) if SETTINGS.rows(sample)[0]["label"]]


def compared_samples(predictor):
    """Samples to predict that are held against those of the training: the hold-out of an experiment of this run."""
    return [] if predictor in PACKS else hold_out_of(predictor)


def hold_out_score(wildcards):
    """The score of the hold-out, where there is one."""
    scored = f"results/experiments/{wildcards.experiment}/hold_out.json"
    return [scored] if hold_out_of(wildcards.experiment) else []
