# What is explained, and by what: settings of attribution, and who is explained.

from functools import cache

from ainu.attribution.catalogue import chosen_methods


def attribution_of(wildcards):
    """What an experiment says of its attribution."""
    experiment = experiment_of(wildcards)
    methods = chosen_methods(experiment["network"], experiment["attribution"]["methods"])
    return experiment["attribution"] | {"methods": methods}


def attribution_memory(wildcards, input, attempt):
    """Memory in MB: the images and their maps, one per method, and what is worked on at a time."""
    own = attribution_of(wildcards)
    images = 10 * (2 + len(own["methods"])) * size_mb(input)
    return int((2500 + 1000 * own["memory_gb"] + images) * attempt)


@cache
def samples_explained(experiment):
    """Samples of all shards that an experiment explains."""
    return frozenset(SETTINGS.samples_of(experiment))


def explained_samples(wildcards):
    """Samples of a shard that an experiment explains."""
    own = samples_explained(wildcards.experiment)
    return [sample for sample in SETTINGS.shards[wildcards.shard] if sample in own]


def explained_shards(wildcards):
    """Tables of localizations with their attribution."""
    shards = dict.fromkeys(SETTINGS.rows(sample)[0]["shard"] for sample in SETTINGS.samples_of(wildcards.experiment))
    return [f"results/experiments/{wildcards.experiment}/attribution/localizations/{shard}.h5" for shard in shards]


def voxel_of_experiment(wildcards):
    """Edge of a voxel, nm, of the images that an experiment sees."""
    return CONFIG["renders"][experiment_of(wildcards)["render"]]["voxel_nm"]


def gathered(experiments):
    """How the localizations that matter lie, of those of the given experiments that explain anything."""
    explained = [name for name in experiments if CONFIG["experiments"][name]["attribution"]["methods"] != []]
    return expand("results/experiments/{experiment}/attribution/gathering.json", experiment=explained)
