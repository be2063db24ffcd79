"""The report in a real browser: nothing comes from outside, mouse and keyboard both work, and anyone can read it."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from experiment_files import HOSTILE

pytestmark = pytest.mark.browser

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def opened(chromium):
    """Open a report in a fresh window; everything that it asks for or complains of is in `said`."""

    @contextmanager
    def open_page(path: Path, *, size=WIDE, scheme="light", **context):
        window = chromium.new_context(viewport=size, color_scheme=scheme, **context)
        page = window.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: (page.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: page.said.append(request.url) if _is_outside(request.url, path) else None)
        page.goto(path.as_uri())
        yield page
        window.close()

    return open_page


def _is_outside(url: str, path: Path) -> bool:
    return not url.startswith("data:") and url.partition("#")[0] != path.as_uri()


@pytest.fixture
def page(opened, ordinary):
    with opened(ordinary) as page:
        yield page


def column(page, caption: str, number: int) -> list[str]:
    cells = page.locator(f"table:has(caption:text-is('{caption}')) tbody td:nth-child({number})")
    return [text.strip() for text in cells.all_text_contents()]


def header(page, caption: str, name: str):
    return page.locator(f"table:has(caption:text-is('{caption}')) th", has_text=re.compile(f"^{re.escape(name)}$"))


UNROLLED = """
.scroll, .tiles-scroll { overflow: visible !important; max-height: none !important; }
.scroll { width: max-content !important; max-width: none !important; }
.tables { display: block !important; }
thead th, nav { position: static !important; }
"""
PREDICTIONS = "Out-of-fold prediction of each nucleus"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["ordinary", "hostile"])
def test_the_page_loads_without_a_complaint_and_asks_nobody_for_anything(opened, request, which, scheme):
    with opened(request.getfixturevalue(which), scheme=scheme) as page:
        page.wait_for_load_state("networkidle")
        assert page.said == []
        assert (
            page.evaluate("[...document.images].filter((image) => !image.complete || !image.naturalWidth).length") == 0
        )


def test_a_click_on_a_heading_sorts_by_number_and_a_second_one_turns_it_round(page):
    heading = header(page, PREDICTIONS, "p(somatic)")
    before = column(page, PREDICTIONS, 6)
    assert before != sorted(before, key=float)
    heading.get_by_role("button").click()
    assert column(page, PREDICTIONS, 6) == sorted(before, key=float)
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").click()
    assert column(page, PREDICTIONS, 6) == sorted(before, key=float, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_table_is_sorted_by_the_keyboard(page, key):
    button = header(page, PREDICTIONS, "nucleus").get_by_role("button")
    button.focus()
    page.keyboard.press(key)
    page.keyboard.press(key)
    names = column(page, PREDICTIONS, 1)
    assert names == [f"s{k}/0" for k in reversed(range(12))]


def shown_nuclei(page) -> list[str]:
    return [figure.get_attribute("data-name") for figure in page.locator("figure.nucleus[id]:visible").all()]


def test_a_nucleus_is_picked_by_the_mouse_with_its_channels_maps_verdicts_and_score(page):
    assert shown_nuclei(page) == ["s0/0"]
    page.get_by_label("Nucleus", exact=True).select_option(label="s5/0")
    assert shown_nuclei(page) == ["s5/0"]
    text = page.locator("figure.nucleus[id]:visible").inner_text()
    for part in ("PolII", "DNA", "localizations", "integrated gradients", "passes", "Grad-CAM", "fails", "p(somatic)"):
        assert part in text
    page.get_by_role("button", name="Next").click()
    assert shown_nuclei(page) == ["s7/0"]
    page.get_by_role("button", name="Previous").click()
    assert shown_nuclei(page) == ["s5/0"]


def test_a_nucleus_is_picked_by_the_keyboard(page):
    page.get_by_label("Nucleus", exact=True).focus()
    page.keyboard.press("ArrowDown")
    assert shown_nuclei(page) == ["s2/0"]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert shown_nuclei(page) == ["s4/0"]
    assert page.get_by_role("status").inner_text() == "3 of 12"


def test_a_prediction_leads_to_its_nucleus(page):
    page.get_by_role("link", name="s7/0").click()
    assert shown_nuclei(page) == ["s7/0"]
    assert page.locator("figure.nucleus[id]:visible").evaluate(
        "(figure) => { const box = figure.getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight; }"
    )


def test_only_misclassified_nuclei_can_be_listed(page):
    page.get_by_label("misclassified only").check()
    assert page.locator("#pick option").all_text_contents() == ["s0/0 (misclassified)"]
    page.get_by_role("link", name="s7/0").click()
    assert shown_nuclei(page) == ["s7/0"]


def test_a_figure_is_enlarged_and_closed_by_the_keyboard(page):
    button = page.get_by_role("button", name="Enlarge: Confusion matrix")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    assert dialog.locator("img").evaluate("(image) => image.naturalWidth > 0")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert button.evaluate("(button) => button === document.activeElement")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "390"])
@pytest.mark.parametrize("which", ["ordinary", "hostile"])
def test_no_window_scrolls_sideways(opened, request, which, size):
    with opened(request.getfixturevalue(which), size=size) as page:
        page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def axe(page, without: tuple[str, ...] = ()) -> dict[str, dict[str, list[str]]]:
    """What axe-core says of the page, everything unfolded: elements by rule, of `violations` and of `incomplete`."""
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
    context = {"exclude": [[selector] for selector in without]} if without else None
    found = Axe().run(page, context, {"resultTypes": ["violations", "incomplete"]}).response
    return {
        kind: {rule["id"]: [node["html"][:120] for node in rule["nodes"]] for rule in found[kind]}
        for kind in ("violations", "incomplete")
    }


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280", "390"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_anyone_from_reading(opened, ordinary, scheme, size):
    with opened(ordinary, size=size, scheme=scheme) as page:
        assert axe(page)["violations"] == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_also_in_what_scrolling_boxes_hide(opened, ordinary, scheme):
    with opened(ordinary, scheme=scheme) as page:
        page.add_style_tag(content=UNROLLED)
        # Text across the edge of a bar, and scale bars on an image (white with a dark rim), axe cannot judge.
        found = axe(page, without=(".scores", ".rule"))
        assert found["violations"] == {}
        assert found["incomplete"].get("color-contrast", []) == []


def test_light_and_dark_differ(opened, ordinary):
    colours = []
    for scheme in ("light", "dark"):
        with opened(ordinary, scheme=scheme) as page:
            colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(opened, hostile, name):
    with opened(hostile) as page:
        shown = page.locator("h1 bdi", has_text=name).first
        assert shown.text_content() == name
        assert page.locator("#pick optgroup").evaluate_all("(groups) => groups.map((g) => g.label)").count(name) == 1
        assert page.locator("script").count() == 1
        assert page.locator("img[src='x'], [onerror], [onmouseover]").count() == 0
        assert page.said == []


def test_without_scripts_everything_can_still_be_read(opened, ordinary):
    with opened(ordinary, java_script_enabled=False) as page:
        assert page.locator("figure.nucleus[id]").count() == 12
        page.get_by_text("Pictures of 12 nuclei").click()
        assert page.locator("figure.nucleus[id]").last.is_visible()
        assert not page.get_by_role("button", name="Next").is_visible()


def test_on_paper_tables_are_whole_and_nothing_is_left_to_click(page):
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible()
    assert not page.get_by_role("button", name="Next").is_visible()
    boxes = page.locator(".scroll:visible")
    assert boxes.evaluate_all("(boxes) => boxes.every((box) => box.scrollHeight <= box.clientHeight + 1)")
