"""The report: complete, self-contained, the same bytes every time, and safe with any names."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import h5py
import numpy as np
import pandas as pd
import pytest
from defaults import reported_experiment, views
from experiment_files import (
    EXPERIMENT,
    HOSTILE,
    METHODS,
    SETTINGS,
    audit,
    make_sources,
    score,
    with_everything,
    write_json,
)

from ainu.errors import AinuError
from ainu.hdf5 import write_array
from ainu.report import methods_text, nuclei
from ainu.report.facts import read_facts
from ainu.report.methods_text import DOI
from ainu.report.page import build, write
from ainu.report.sources import ReportSources
from ainu.report.text import heading, number_text


class Page(HTMLParser):
    """What a browser makes of the page: elements with their attributes, and the text between them."""

    VOID = frozenset({"meta", "link", "img", "br", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", "".join(self.texts))
        self.spaced = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return make_sources(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="module")
def page(sources):
    return Page(build(EXPERIMENT, SETTINGS, sources))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The page of an experiment that was audited in every way."""
    sources = with_everything(make_sources(tmp_path_factory.mktemp("audited")))
    return Page(build(EXPERIMENT, SETTINGS, sources))


def test_the_verdict_comes_first_and_names_score_interval_nuclei_replicates_baseline_and_chance(page):
    first = page.text[: page.text.index("Nuclei per class")]
    for fact in (
        "0.93 (95 % interval 0.88 to 0.97)",
        "12 nuclei of 4 replicates",
        "reach 0.61",
        "chance level is 0.50",
    ):
        assert fact in first
    assert "above chance level and above the confounder baseline" in first


@pytest.mark.parametrize(
    ("score_ci", "baseline", "verdict"),
    [
        ([0.45, 0.7], 0.4, "interval includes chance level"),
        ([0.55, 0.9], 0.6, "not above the confounder baseline"),
        ([0.7, 0.9], 0.6, "above chance level and above the confounder baseline"),
        (None, 0.6, "comparison with chance is not possible"),
        ([0.7, 0.9], None, "no confounder baseline"),
    ],
)
def test_the_verdict_follows_from_interval_chance_and_baseline(tmp_path, score_ci, baseline, verdict):
    sources = make_sources(tmp_path)
    metrics = json.loads(sources.metrics.read_text())
    metrics["metrics"]["balanced_accuracy"] = {"value": 0.75, "ci": score_ci}
    metrics["audits"] = [] if baseline is None else [audit("confounders", "Counts, area and recording alone", baseline)]
    write_json(sources.metrics, metrics)
    assert verdict in Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({"permutation": {"p": 0.2}}, "Not shown by these data. "),
        ({"permutation": {"p": 0.01}}, "Yes. "),
        (
            {"test": {"n": 8, "metrics": {"balanced_accuracy": score(0.6, 0.4, 0.8)}}},
            "Yes, but not on the held-out test set. ",
        ),
        ({"test": {"n": 8, "metrics": {"balanced_accuracy": score(0.9, 0.8, 1)}}}, "Yes. "),
    ],
)
def test_permuted_labels_and_the_held_out_test_set_can_overturn_the_verdict(tmp_path, found, verdict):
    sources = replace(make_sources(tmp_path), maps=None)
    write_json(sources.metrics, json.loads(sources.metrics.read_text()) | found)
    assert verdict in Page(build(EXPERIMENT, SETTINGS, sources)).text


def test_a_measure_that_no_sample_has_is_left_out_of_the_quality(tmp_path):
    sources = make_sources(tmp_path)
    summary = pd.read_csv(sources.qc, sep="\t").assign(photons_median="", precision_nm_median="")
    summary.to_csv(sources.qc, sep="\t", index=False)
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text
    assert "Range over 12 samples" in text
    assert "photons" not in between(text, "Range over", "Every sample")


def test_what_the_comparison_of_all_recordings_found_is_said(tmp_path):
    sources = make_sources(tmp_path)
    twice = [{"samples": ["s1", "s2"], "how": "identical files (SHA-256)"}]
    leakage = write_json(tmp_path / "leakage.json", {"recordings": 12, "pairs": 66, "within_a_replicate": twice})
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None, leakage=leakage))).text
    assert "12 recordings were compared with one another (66 pairs)" in text
    assert "s1 and s2 (identical files (SHA-256))" in text


def test_whether_the_localizations_of_highest_attribution_cluster_is_said(tmp_path):
    sources = make_sources(tmp_path)
    ratio = score(1.8, 1.5, 2.1) | {"p": 0.01, "nuclei": 12}
    content = {"share": 0.05, "near_nm": 200.0, "far_nm": 500.0, "ratio": ratio}
    gathering = write_json(tmp_path / "gathering.json", content)
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None, gathering=gathering))).text
    assert "The 5 % of a nucleus's localizations with the highest attribution form 1.80 (95 % interval" in text
    assert "200 to 500 nm apart" in text


def test_figures_of_several_panels_have_the_whole_width(page):
    wide = [figure for figure in page.all("figure") if figure.get("class") == "wide"]
    assert len(wide) == 1
    assert "Training curves" in page.text


def test_warnings_stand_before_the_verdict(tmp_path):
    sources = make_sources(tmp_path)
    write_json(sources.metrics, json.loads(sources.metrics.read_text()) | {"warnings": ["counts explain this"]})
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text
    assert text.index("counts explain this") < text.index("balanced accuracy of")


def test_skipped_samples_are_listed_before_the_verdict(tmp_path):
    sources = make_sources(tmp_path)
    summary = pd.read_csv(sources.qc, sep="\t").assign(skipped="")
    summary.loc[len(summary)] = ["lost", 0, 0, "ingest: lost.bin: truncated"]
    summary.to_csv(sources.qc, sep="\t", index=False)
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text
    assert (
        text.index("Sample lost was skipped") < text.index("lost.bin: truncated") < text.index("balanced accuracy of")
    )
    assert text.count("was skipped") == 1


def test_samples_that_nothing_uses_are_named_before_the_verdict_and_explained_under_quality(tmp_path):
    sources = make_sources(tmp_path)
    summary = pd.read_csv(sources.qc, sep="\t").assign(unused="")
    for name in "abcdefg":
        summary.loc[len(summary)] = [f"odd-{name}", 0, 0, f"no experiment trains on {name}"]
    summary.to_csv(sources.qc, sep="\t", index=False)
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text
    first = text.index("Nothing uses 7 samples of the sheet: odd-a, odd-b, odd-c, odd-d, odd-e and 2 more;")
    assert first < text.index("balanced accuracy of") < text.index("no experiment trains on g")


def test_the_same_files_give_the_same_bytes(sources):
    assert build(EXPERIMENT, SETTINGS, sources) == build(EXPERIMENT, SETTINGS, sources)


def test_nothing_is_requested_from_outside(page):
    links = [value for _, attributes in page.elements for key, value in attributes.items() if key in ("src", "href")]
    outside = [link for link in links if not link.startswith(("#", "data:"))]
    assert outside == [f"https://doi.org/{DOI}"]
    assert not any("url(" in (attributes.get("style") or "") for _, attributes in page.elements)


def test_the_security_policy_allows_the_pages_own_script_and_no_other(page, sources):
    import hashlib

    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    script = re.search(r"<script>(.*)</script>", build(EXPERIMENT, SETTINGS, sources), re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory):
    """A page on which every name is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile = make_sources(folder, classes=tuple(HOSTILE), tag=HOSTILE[2], n=2 * len(HOSTILE))
    write_json(hostile.metrics, json.loads(hostile.metrics.read_text()) | {"warnings": HOSTILE})
    return Page(
        build(
            reported_experiment(network=HOSTILE[0]),
            SETTINGS,
            replace(with_everything(hostile), name=HOSTILE[1], maps=None),
        )
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(hostile_page, name):
    assert re.sub(r"\s+", " ", name) in hostile_page.text


def test_hostile_names_add_no_element_and_no_handler(hostile_page, full):
    assert {tag for tag, _ in hostile_page.elements} <= {tag for tag, _ in full.elements}
    assert len(hostile_page.all("script")) == 1
    assert not any(key.startswith("on") for _, attributes in hostile_page.elements for key in attributes)
    assert hostile_page.open == []


def test_labels_that_look_missing_stay_labels(tmp_path):
    text = Page(build(EXPERIMENT, SETTINGS, replace(make_sources(tmp_path, classes=("NA", "None")), maps=None))).text
    assert "Can NA and None be distinguished" in text
    assert "Most confident, correct: NA" in text


def test_every_picture_has_a_description(page):
    assert len(page.all("img")) > 12
    assert all(image["alt"] for image in page.all("img"))


def test_rows_and_columns_of_a_nucleus_are_named_in_the_order_of_its_pixels(page):
    nucleus = page.text[page.text.index("s0/0 somatic") :]
    order = ["localizations", "Grad-CAM", "integrated gradients", "PolII", "DNA"]
    places = [nucleus.index(name) for name in order]
    assert places == sorted(places)


def test_errors_are_in_the_gallery_and_marked(page):
    gallery = page.text[page.text.rindex("Most confident errors") : page.text.index("Out-of-fold prediction")]
    assert "s0/0 somatic, predicted hiPSC (misclassified)" in gallery


def test_every_nucleus_can_be_picked_and_is_linked_from_its_prediction(page):
    anchors = {attributes["id"] for attributes in page.all("figure") if "id" in attributes}
    linked = {a["href"].removeprefix("#") for a in page.all("a") if a["href"].startswith("#nucleus-")}
    assert anchors == linked
    assert len(anchors) == 12


def test_predictions_of_several_repeats_are_averaged(tmp_path):
    sources = make_sources(tmp_path)
    once = pd.read_csv(sources.predictions, sep="\t")
    flipped = once.assign(repeat=1, p_somatic=once["p_hiPSC"], p_hiPSC=once["p_somatic"])
    pd.concat([once, flipped]).to_csv(sources.predictions, sep="\t", index=False)
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text
    assert "p(somatic) 0.50p(hiPSC) 0.50" in text


def test_what_is_missing_is_said(sources):
    bare = ReportSources("bare", sources.metrics, sources.predictions, sources.dataset)
    text = Page(build(EXPERIMENT, SETTINGS, bare)).text
    for what in ("quality summary", "folds", "training curves", "evaluation figures"):
        assert re.search(rf"No {what} (was|were) given", text)
    assert "No attribution was computed" in text
    assert "Simulated data" not in text


def test_for_simulated_data_the_page_says_how_far_attribution_finds_the_difference(page):
    assert "attribution per area is up to 3.2 times that in the rest of the nucleus" in page.text
    assert "Grad-CAM, channel PolII" in page.text


def test_the_methods_name_the_optimizer(sources):
    sgd = reported_experiment(training={"optimizer": "sgd"})
    for experiment, name in ((EXPERIMENT, "AdamW"), (sgd, "stochastic gradient descent with Nesterov momentum")):
        text = Page(build(experiment, SETTINGS, replace(sources, maps=None))).text
        assert f"by {name} with a one-cycle learning rate" in text
        assert f"{name}, one-cycle learning rate" in text


@pytest.mark.parametrize(("of_three", "told"), [(0, None), (2, "Of 3 models 2 were"), (3, "All models were")])
def test_the_methods_say_which_models_were_trained_in_mixed_precision(tmp_path, of_three, told):
    models = [{"precision": "bfloat16" if k < of_three else "float32"} for k in range(3)]
    facts = replace(read_facts(EXPERIMENT, SETTINGS, make_sources(tmp_path)), models=models)
    text = " ".join(methods_text.paragraphs(facts))
    assert (f"{told} trained in mixed precision (bfloat16)." in text) if told else "mixed" not in text


def test_the_methods_name_seed_versions_limits_and_the_paper(page):
    methods = page.text[page.text.rindex("Text for a paper") :]
    for fact in ("Seed 7.", "torch 2", "photons at least 300", "ainu-small", "2-fold", DOI):
        assert fact in methods


TWO_VIEWS = {
    "detail": {
        "shape": [160, 160],
        "voxel_nm": 20.0,
        "network": "densenet121",
        "share": 1.0,
        "step": 300,
        "precision": "bfloat16",
        "initial": None,
    },
    "context": {"network": "ainu-small", "share": 0.25, "step": 300, "precision": "bfloat16", "initial": None},
}


@pytest.fixture(scope="module")
def viewed(tmp_path_factory):
    """The page of an experiment whose networks see detail and context."""
    sources = make_sources(tmp_path_factory.mktemp("viewed"))
    for folder in sources.models:
        info = json.loads((folder / "model.json").read_text())
        write_json(folder / "model.json", info | {"views": TWO_VIEWS})
    own = views(detail={"network": "densenet121"})
    return Page(build(reported_experiment(views=own, attribution={"methods": METHODS}), SETTINGS, sources))


def test_the_methods_tell_how_much_of_the_nuclei_the_canvas_cuts_off(tmp_path):
    sources = make_sources(tmp_path)
    for cut, told in ((0, ""), (500, "cuts off up to 50 % of the localizations of 2 nuclei")):
        with h5py.File(sources.dataset, "r+") as file:
            number = len(file["nucleus"])
            file["localizations"][()] = 500
            file.pop("clipped", None)
            file["clipped"] = [[cut, 0], [cut // 10, 0]] + [[0, 0]] * (number - 2)
        page = Page(build(reported_experiment(), SETTINGS, sources))
        assert ("cuts off" in page.text) == bool(told)
        assert told in page.text


def test_the_methods_tell_what_each_view_sees_and_how_much_it_counts(viewed):
    methods = viewed.text[viewed.text.rindex("Text for a paper") :]
    for fact in (
        "counted in voxels of 20 nm in crops of 3.2 µm (detail)",
        "(detail) and in voxels of 200 nm on a canvas of 3.2 µm (context), one image channel each for PolII and DNA",
        "For each of the two views, a network (densenet121 for detail and ainu-small for context) was trained",
        "the mean of the logits of the tiles that cover the nucleus, each weighted by its localizations",
        "a share fitted on training nuclei that the networks of the fit had not seen",
        "(on average detail 1, context 0.25)",
        "All models were trained in mixed precision",
        "attributed to voxels of the context and localizations by the detail (12 nuclei)",
    ):
        assert fact in methods, fact


def test_the_table_of_models_tells_the_views_apart_where_they_differ(viewed):
    assert "detail: 1, context: 0.25" in viewed.text
    assert "detail: densenet121, context: ainu-small" in viewed.text
    assert "detail: 300" not in viewed.text


def test_checklists_tell_what_networks_of_two_views_see(viewed):
    assert "the network sees crops that cover the nucleus and the whole nucleus: PolII and DNA" in viewed.text
    assert "voxel of 20 nm, crops of 3.2 µm; of 200 nm, 16 × 16 voxels for the whole nucleus" in viewed.text
    assert "a fixed number of training steps" in viewed.text
    assert "early stopping" not in viewed.text


def test_an_experiment_with_a_single_view_tells_of_no_other(tmp_path):
    sources = replace(make_sources(tmp_path), maps=None)
    for alone, absent in (("detail", "(context)"), ("context", "(detail)")):
        seen = views(**{"context" if alone == "detail" else "detail": None})
        text = Page(build(reported_experiment(views=seen), SETTINGS, sources)).text
        assert f"({alone})" in text
        assert absent not in text
        assert "logits of the two views" not in text


def test_training_without_validation_replicates_is_said(tmp_path):
    sources = make_sources(tmp_path)
    for folder in sources.models:
        history = pd.read_csv(folder / "history.tsv", sep="\t")
        history[["step", "train_loss", "learning_rate"]].to_csv(folder / "history.tsv", sep="\t", index=False)
    assert "No validation replicates" in Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text


def test_volumes_are_shown_as_projections(tmp_path):
    sources = make_sources(tmp_path, n=8, shape=(2, 4, 16, 16))
    assert "4 × 16 × 16 voxels" in Page(build(EXPERIMENT, SETTINGS, sources)).text


def test_pictures_of_many_nuclei_stay_within_their_budget_and_errors_stay(tmp_path, monkeypatch):
    sources = make_sources(tmp_path, n=40)
    monkeypatch.setattr(nuclei, "PICTURE_BYTES", 30_000)
    html = build(EXPERIMENT, SETTINGS, sources)
    page = Page(html)
    shown = [figure for figure in page.all("figure") if "id" in figure]
    assert 1 <= len(shown) < 40
    assert "s0/0" in [figure["data-name"] for figure in shown]
    assert f"{len(shown)} of 40 nuclei" in page.text


def test_a_report_of_349_nuclei_stays_under_10_mb(tmp_path):
    sources = make_sources(tmp_path, n=349, shape=(2, 64, 64))
    page = build(EXPERIMENT, SETTINGS, sources)
    assert len(page.encode()) < 10_000_000


def test_a_replicate_in_two_folds_stops_the_report(tmp_path):
    sources = make_sources(tmp_path)
    folds = pd.read_csv(sources.folds, sep="\t")
    folds.loc[0, "fold"] = 1 - folds.loc[0, "fold"]
    folds.to_csv(sources.folds, sep="\t", index=False)
    with pytest.raises(AinuError, match=r"folds\.tsv: replicate 'srep0' is in 2 folds of repeat 0"):
        build(EXPERIMENT, SETTINGS, sources)


def test_a_broken_file_is_named(tmp_path):
    sources = make_sources(tmp_path)
    sources.metrics.write_text("{")
    with pytest.raises(AinuError, match=r"metrics\.json: cannot be read as JSON"):
        build(EXPERIMENT, SETTINGS, sources)


def test_a_missing_probability_column_is_named(tmp_path):
    sources = make_sources(tmp_path)
    pd.read_csv(sources.predictions, sep="\t").drop(columns="p_hiPSC").to_csv(
        sources.predictions, sep="\t", index=False
    )
    with pytest.raises(AinuError, match=r"predictions\.tsv: column 'p_hiPSC' is missing"):
        build(EXPERIMENT, SETTINGS, sources)


def test_nuclei_without_maps_are_left_out_of_the_pictures(tmp_path):
    sources = make_sources(tmp_path)
    with h5py.File(sources.maps, "r+") as file:
        names = file["nucleus"].asstr()[()]
        del file["nucleus"]
        write_array(file, "nucleus", np.array(["elsewhere/0", *names[1:]], dtype=object))
    page = Page(build(EXPERIMENT, SETTINGS, sources))
    assert "s0/0" not in [figure.get("data-name") for figure in page.all("figure")]
    assert "11 of 12 nuclei" in page.text


def test_writing_leaves_the_page_and_nothing_else(tmp_path):
    write(tmp_path / "sub" / "report.html", "<p>ü</p>")
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["report.html"]
    assert (tmp_path / "sub" / "report.html").read_bytes() == "<p>ü</p>".encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.9312, "0.931"),
        (1.0, "1.000"),
        (12, "12"),
        (12345, "12\u202f345"),
        (-0.5, "−0.500"),
    ],
)
def test_numbers_read_well(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("name", "text"), [("drift_max_nm", "drift max (nm)"), ("area_um2", "area (µm²)"), ("nm", "nm"), ("auroc", "AUROC")]
)
def test_column_names_become_headings_with_units(name, text):
    assert heading(name) == text


def between(text: str, start: str, end: str) -> str:
    return text[text.rindex(start) : text.rindex(end)]


def headings(page: Page, caption: str) -> list[str]:
    """Headings of a table, in their order."""
    text = "\n".join(piece.strip() for piece in page.texts if piece.strip())
    after = text[text.index(f"\n{caption}\n") + len(caption) + 2 :]
    return after.split("\n")


def test_warnings_of_audits_and_of_attribution_stand_before_the_verdict(full):
    before = full.text[: full.text.index("On replicates that it was not")]
    assert "Network on the outline alone reach 0.70." in before
    assert "Hand-made" not in before
    assert "Yes, but confounders may contribute." in full.text


def test_each_check_of_the_first_screen_says_whether_it_was_passed(full):
    checks = between(full.spaced, "Can it be trusted?", "Each nucleus is an image")
    for found in (
        "passed Better than chance",
        "passed Replicates kept together",
        "passed Counts, area and recording alone",
        "noted Hand-made spatial features",
        "not done Network on equal counts",
        "warning Network on the outline alone",
        "passed Permuted labels Equally high scores occur with permuted labels with probability p = 0.004",
        "passed Held-out test set Balanced accuracy 0.88",
        "passed Attribution 1 of 2 methods passes: integrated gradients",
    ):
        assert found in checks


def test_what_was_not_done_is_not_said_to_be_passed(page):
    checks = between(page.spaced, "Can it be trusted?", "Each nucleus is an image")
    for found in (
        "not done Further audits",
        "not done Permuted labels",
        "not done Held-out test set",
        "not done Attribution",
    ):
        assert found in checks
    assert checks.count("passed") == 3


def test_each_audit_has_its_sentence_and_its_score_beside_the_networks(full):
    audits = between(full.text, "Could something else than the arrangement", "Where in the nucleus the evidence")
    assert "Replicate within a class reach 0.50." in audits
    assert "Network on the outline alone warning" in audits
    assert audits.index("Network, as trained") < audits.index("0.700 (0.60 to 0.78)")
    assert "(2 permutations; labels permuted between replicates)" in audits


def test_tables_have_the_columns_in_the_order_in_which_one_reads_them(full):
    assert headings(full, "Scores per fold")[:5] == ["repeat", "fold", "nuclei", "balanced accuracy", "AUROC"]
    assert headings(full, "Scores per class")[:5] == ["class", "nuclei", "recall", "precision", "F1"]
    scorecard = headings(full, "Attribution methods, best first")
    assert scorecard[:3] == ["rank", "method", "verdict"]
    assert scorecard.index("integrated gradients") < scorecard.index("Grad-CAM")


def test_the_verdict_on_a_method_stands_beside_its_maps(full):
    nucleus = full.spaced[full.spaced.index("Pick a nucleus") :]
    assert "integrated gradients passes Grad-CAM fails" in nucleus
    mean = full.text[full.text.index("Mean attribution per class, Grad-CAM.") :]
    assert mean.startswith(
        "Mean attribution per class, Grad-CAM. fails the map hardly changes when weights are randomised"
    )


def test_no_passing_method_is_a_warning(tmp_path):
    sources = with_everything(make_sources(tmp_path))
    scorecard = json.loads(sources.scorecard.read_text())
    for row in scorecard["methods"]:
        row["verdict"] = "fails"
    write_json(sources.scorecard, scorecard)
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text
    assert text.index("No attribution method passes its checks") < text.index("balanced accuracy of")


def test_compartments_have_their_interval_per_channel_and_class(full):
    table = full.spaced[full.spaced.index("Compartments of the nucleus") :]
    assert "nucleolus PolII somatic integrated gradients 2.500 (1.90 to 3.10) 0.010" in table


def test_new_samples_are_counted_by_their_calls(full):
    new = between(full.spaced, "4 nuclei of 1 sample, by the ensemble mean of all models.", "Text for a paper")
    assert "4 undecided, 0 out of distribution" in new
    assert "a-new-sample 4 0 0 4 0" in new
    assert "somatic, hiPSC" in new


def test_many_new_nuclei_out_of_distribution_are_a_warning(tmp_path):
    sources = with_everything(make_sources(tmp_path))
    table = pd.read_csv(sources.new_predictions, sep="\t", keep_default_na=False)
    table.assign(unlike_training=[True, True, True, False]).to_csv(sources.new_predictions, sep="\t", index=False)
    text = Page(build(EXPERIMENT, SETTINGS, replace(sources, maps=None))).text
    assert text.index("75 % of the new nuclei are out of distribution") < text.index("balanced accuracy of")


def test_checklists_are_filled_in_and_leave_the_rest_to_the_authors(full):
    text = full.spaced[full.spaced.index("Checklists of journals") :]
    assert re.search(r"DOME: \d+ of 21 items", text)
    assert re.search(r"REFORMS: \d+ of 32 items", text)
    assert "3e How many? somatic: 6 nuclei of 4 replicates; hiPSC: 6 nuclei of 4 replicates" in text
    assert "1b Why this population? to be filled in by the authors" in text
    assert "7c Statistical tests Permutation of the labels, p = 0.004." in text


def test_where_all_maps_have_no_room_the_best_methods_are_drawn_for_every_nucleus(tmp_path, monkeypatch):
    sources = make_sources(tmp_path)
    with h5py.File(sources.maps, "r+") as file:
        for number in range(3, 9):
            values = np.random.default_rng(number).normal(size=file["grad_cam"].shape)
            write_array(file, f"method_{number}", values.astype(np.float32))
    ranks = [{"method": f"method_{number}", "rank": number, "verdict": "passes"} for number in range(3, 9)]
    write_json(sources.scorecard, {"methods": [{"method": "grad_cam", "rank": 1}, *ranks]})
    monkeypatch.setattr(nuclei, "PICTURE_BYTES", 40_000)
    page = Page(build(EXPERIMENT, SETTINGS, sources))
    drawn = re.findall(r"method (\d)", next(image["alt"] for image in page.all("img") if "Nucleus" in image["alt"]))
    assert 1 <= len(drawn) < 6
    assert drawn == [str(3 + place) for place in range(len(drawn))]
    assert f"Of 8 methods the best {1 + len(drawn)} are drawn" in page.text
    assert len([figure for figure in page.all("figure") if "id" in figure]) == 12


def test_the_page_names_no_section_that_it_lacks(full):
    anchors = [link["href"].removeprefix("#") for link in full.all("a") if str(link.get("href")).startswith("#")]
    ids = {attributes["id"] for _, attributes in full.elements if "id" in attributes}
    assert set(anchors) <= ids
