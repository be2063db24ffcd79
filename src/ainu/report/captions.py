"""Titles and captions of the figures of a run.

Snakemake's own report takes the same captions from `workflow/report/*.rst`; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """What stands below a figure: its title, and what it shows."""

    title: str
    text: str


EVALUATION = {
    "confusion": Caption(
        "Confusion matrix",
        "Nuclei by true class (rows) and predicted class (columns), out of fold. Numbers are nuclei and their share of "
        "the true class; the colour is that share.",
    ),
    "roc": Caption(
        "ROC",
        "True against false positive rate, out of fold, as the threshold on the predicted probability moves, with a "
        "95 % band from a bootstrap over replicates. With more than two classes, each class against the rest. The "
        "diagonal is chance level.",
    ),
    "precision_recall": Caption(
        "Precision and recall",
        "Precision (the share of nuclei predicted as a class that are of it) against recall (the share of the class "
        "that is found), out of fold, as the threshold on the predicted probability moves, with a 95 % band from a "
        "bootstrap over replicates. Dotted: chance level, the share of the class among all nuclei.",
    ),
    "reliability": Caption(
        "Reliability",
        "How often nuclei are of a class, against the probability of that class that the network predicts, out of "
        "fold, with a 95 % band from a bootstrap over replicates. Dashed: perfectly calibrated; above it the network "
        "is underconfident, below it overconfident. Lower panel: nuclei at each probability.",
    ),
    "embedding": Caption(
        "Map of the nuclei",
        "t-SNE of the activations before the last layer, each nucleus by a network that held it out: nuclei that the "
        "network describes alike lie close together. Left: by class; right: by replicate. Replicates that separate "
        "within a class suggest a batch effect. Distances between far groups, and their sizes, have no meaning.",
    ),
    "errors": Caption(
        "Most confident errors",
        "The misclassified nuclei with the highest predicted probability, out of fold. Look at them: wrong labels and "
        "damaged cells are often among them.",
    ),
    "permutation": Caption(
        "Label permutation",
        "The score with the true labels (line), and the scores with permuted labels (grey). Labels are permuted within "
        "replicates, or between whole replicates where each holds one class. metrics.json says whether networks were "
        "trained again for each permutation.",
    ),
    "learning_curve": Caption(
        "Learning curve",
        "Balanced accuracy of hand-made features, out of fold, against the number of training replicates: mean of five "
        "draws of replicates, band from the lowest to the highest. A curve that still rises suggests that more "
        "replicates would help. For the learning curve of the network itself, set the key study in the config.",
    ),
    "score_by_count": Caption(
        "Score against localizations left",
        "Balanced accuracy, out of fold, when the held-out nuclei keep only a random share of their localizations; "
        "the networks were trained on all localizations. Band: 95 % from a bootstrap over replicates. Dashed: chance "
        "level.",
    ),
    "resolution": Caption(
        "Score against blur",
        "Was super-resolution needed? AUROC, out of fold, when localizations are jittered, and with a light microscope "
        "(right). Solid: hand-made features, measured and classified anew at every level; dotted: where their score "
        "above chance is halved. Dashed line: networks trained on sharp nuclei and asked on blurred ones, their "
        "robustness to blur. Bands and bars: 95 % from a bootstrap over replicates.",
    ),
}
"""Figures of the evaluation by the stem of their files, in the order of the page."""

TRAINING = {
    "training": Caption(
        "Training curves",
        "Loss, learning rate and, where there are validation replicates, balanced accuracy on these; a line per model.",
    ),
}
"""Figures of the training."""

ATTRIBUTION = {
    "removal": Caption(
        "Removing localizations",
        "Confidence of the networks in the true class while localizations are removed, those with the highest "
        "attribution first (left; the faster it falls, the better), or inserted into an empty nucleus (right; the "
        "faster it rises, the better). Grey: in random order, and the brightest voxels first. Images are normalised "
        "again each time. Dashed: methods that fail their checks.",
    ),
    "detail": Caption(
        "Evidence at the nanoscale",
        "A nucleus of each class: its localizations, the attribution of each by the detail view, and windows of 2 µm "
        "on the strongest evidence for its class. Localizations are spots of 10 nm, coloured by their attribution; "
        "grey: they say nothing.",
    ),
    "examples": Caption(
        "Nuclei",
        "One nucleus of each class, with the map of every method and whether the method passes its checks. Purple: for "
        "the class of the nucleus; orange: against it; grey lines: nucleoli.",
    ),
    "compartments": Caption(
        "By compartment",
        "Positive attribution per area in the nucleoli, at the rim and in the interior, as a multiple of that in the "
        "rest of the nucleus (1: equal), by the best method. Bars: 95 % intervals from a bootstrap over replicates.",
    ),
    "radial": Caption(
        "From rim to middle",
        "Mean attribution from the outline of the nucleus to its innermost place, by the best method, with the "
        "standard error over nuclei. Above 0: for the class of the nucleus.",
    ),
}
"""Figures of the attribution."""

DRAWN_BY_THE_PAGE = {
    "class_means": Caption(
        "Mean per class",
        "Mean attribution of the nuclei of each class. Purple: for the class of the nucleus; orange: against it. Each "
        "nucleus is explained by networks that did not see its replicate. Nuclei are centred, not aligned: only what "
        "has a fixed place relative to the centre shows.",
    ),
}
"""Figures of the attribution that the page draws itself, for every method."""
