"""The built site in a real browser, served by the plainest of static servers.

Every page that is opened is watched: an error in the console, an exception, a failed request or one
to another host fails the test that caused it.
"""

import functools
import http.server
import json
import os
import re
import shutil
import threading

import pytest

from neuroscribe.viewer import build_site
from neuroscribe.viewer.blocks import read_block, read_json
from neuroscribe.viewer.twin import unit_twin
from tests.viewer.conftest import ODD, write_study
from tests.viewer.sites import BuiltSite

try:
    from playwright import sync_api
except ModuleNotFoundError:
    if os.environ.get("CI") == "true":
        raise
    pytest.skip("playwright is not installed", allow_module_level=True)

pytestmark = pytest.mark.slow
ODD_PATH = ODD.replace(":", "%3A")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Whether the token that has the focus is cut off, and how far the halves of lines were scrolled.
CUT_OFF = """() => {
    const token = document.activeElement;
    const inner = token.getBoundingClientRect();
    const outer = token.closest(".before, .after").getBoundingClientRect();
    const cut = inner.left < outer.left - 1 || inner.right > outer.right + 1;
    const halves = [...document.querySelectorAll(".before, .after")];
    const scrolled = halves.reduce((sum, half) => sum + Math.abs(half.scrollLeft), 0);
    return { cut: cut && !token.classList.contains("peak"), scrolled };
}"""
# Layout shifts from now on, and those that were.
SHIFTS = """() => {
    window.shifts = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.shifts += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
}"""
BAD_TOKEN = "<img onerror=alert(1)>"


def _chromium():
    """The browser's program; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A built site."""
    folder = tmp_path_factory.mktemp("browser")
    build_site(write_study(folder / "study"), folder / "site", embedder="words", weights=False)
    return folder / "site"


@pytest.fixture(scope="module")
def address(site):
    """Where it is served."""
    handler = functools.partial(_Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def browser():
    """One browser for all; CI must have it."""
    program = _chromium()
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium, and CI must not skip the tests of the site")
        pytest.skip("there is no Chromium on the path; install it, or name it in CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Open an address of the site in a window of its own, and watch it."""
    contexts, complaints = [], []

    def open_page(hash_, slow_data=0, on_request=None, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: _note(complaints, message))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("requestfailed", lambda request: complaints.append(f"failed {request.url}"))
        page.on("request", lambda request: _require_own(complaints, request, address))
        if on_request is not None:
            page.on("request", lambda request: on_request(request.url))
        if slow_data > 0:
            page.route("**/data/**", lambda route: _later(page, route, slow_data))
        page.goto(address + hash_)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def _later(page, route, milliseconds):
    page.wait_for_timeout(milliseconds)
    route.continue_()


def _note(complaints, message):
    if message.type in ("error", "warning"):
        complaints.append(message.text)


def _require_own(complaints, request, address):
    if not request.url.startswith((address, "data:", "blob:")):
        complaints.append(f"outside request {request.url}")


def _expect(locator):
    return sync_api.expect(locator)


def test_from_the_model_by_layer_to_a_unit_and_back(open_page, address):
    page = open_page("#/")
    _expect(page.get_by_test_id("site-link")).to_have_text(["mlp.0", "mlp.1", ODD])
    page.get_by_test_id("site-link").first.click()
    _expect(page.get_by_test_id("unit-row")).to_have_count(6)
    page.get_by_test_id("unit-link").nth(1).click()
    _expect(page.get_by_role("heading", level=1)).to_have_text("mlp.0/1")
    assert page.url == f"{address}#/mlp.0/1"
    page.go_back()
    _expect(page.get_by_test_id("unit-row")).to_have_count(6)
    page.go_back()
    _expect(page.get_by_test_id("sites")).to_be_visible()


def test_a_deep_link_opens_a_unit_with_all_that_is_known_of_it(open_page):
    page = open_page("#/mlp.0/1")
    _expect(page.get_by_test_id("explanation").first).to_contain_text("rain on <b>roofs</b>")
    scores = page.get_by_test_id("scores").first
    _expect(scores).to_contain_text("0.41")
    _expect(scores).to_contain_text("0.10 to 0.90")
    _expect(page.get_by_test_id("statistics")).to_contain_text("123,456")
    _expect(page.get_by_test_id("lookup")).to_be_visible()
    _expect(page.get_by_test_id("exemplar")).to_have_count(6)
    _expect(page.get_by_test_id("pair").first).to_be_visible()


def test_an_odd_site_and_its_negative_side_have_addresses(open_page):
    page = open_page(f"#/{ODD_PATH}/7-")
    _expect(page.get_by_role("heading", level=1)).to_have_text(f"{ODD}/7-")
    page.get_by_test_id("opposite").click()
    _expect(page.get_by_role("heading", level=1)).to_have_text(f"{ODD}/7")


def test_a_token_of_markup_is_text(open_page):
    page = open_page("#/mlp.0/1")
    _expect(page.get_by_test_id("exemplars")).to_contain_text(BAD_TOKEN)
    assert page.locator("img").count() == 0
    _expect(page.get_by_test_id("lookup")).to_contain_text(BAD_TOKEN)


def test_hovering_a_token_shows_its_value(open_page, site):
    shown = BuiltSite(site).exemplars["mlp.0/1"]
    item = shown["groups"][0]["items"][0]
    page = open_page("#/mlp.0/1")
    line = page.get_by_test_id("exemplar").first
    for position, value in enumerate(item["v"]):
        token = line.get_by_test_id("token").nth(position)
        token.hover()
        said = page.get_by_role("tooltip").inner_text().removeprefix(token.inner_text())
        activation = float(said.strip().replace("−", "-").replace(",", ""))
        assert activation == pytest.approx(value * shown["step"], rel=0.005), position


def test_keys_move_from_token_to_token_and_from_line_to_line(open_page):
    page = open_page("#/mlp.0/1")
    lines = page.get_by_test_id("exemplar")
    page.locator(".exemplars .lines").focus()
    page.keyboard.press("ArrowDown")
    _expect(lines.nth(0).locator(".peak")).to_be_focused()
    page.keyboard.press("ArrowDown")
    _expect(lines.nth(1).locator(".peak")).to_be_focused()
    for key, position in [("Home", 0), ("ArrowRight", 1), ("End", 3), ("ArrowLeft", 2)]:
        page.keyboard.press(key)
        _expect(lines.nth(1).get_by_test_id("token").nth(position)).to_be_focused()
    _expect(page.get_by_role("tooltip")).to_be_visible()


def test_keys_never_lead_to_a_token_that_a_line_cuts_off(open_page):
    page = open_page("#/mlp.0/1", viewport={"width": 375, "height": 800})
    lines = page.get_by_test_id("exemplar")
    _expect(lines).to_have_count(6)
    page.locator(".exemplars .lines").focus()
    reached = []
    for _ in range(6):
        page.keyboard.press("ArrowDown")
        for key in ("Home", "End"):
            page.keyboard.press(key)
            reached.append(page.evaluate(CUT_OFF))
    assert reached == [{"cut": False, "scrolled": 0}] * 12
    cut = lines.evaluate_all(
        """lines => lines.filter((line) => {
            const outer = line.querySelector(".before").getBoundingClientRect();
            const first = line.querySelector(".token").getBoundingClientRect();
            return first.left < outer.left - 1;
        }).length"""
    )
    assert cut > 0, "some line must be cut, or this shows nothing"


def test_splits_and_kinds_of_exemplars_can_be_chosen(open_page):
    page = open_page("#/mlp.0/1")
    _expect(page.get_by_test_id("exemplar")).to_have_count(6)
    page.get_by_text("Quantile bands", exact=True).click()
    _expect(page.get_by_test_id("exemplar")).to_have_count(2)
    page.get_by_text("Random", exact=True).last.click()
    page.get_by_text("test", exact=True).first.click()
    _expect(page.get_by_test_id("exemplar")).to_have_count(5)


def test_a_search_finds_words_and_their_beginnings_and_opens_what_it_found(open_page):
    page = open_page("#/")
    _expect(page.get_by_test_id("sites")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("roofs")
    page.keyboard.press("Enter")
    _expect(page.get_by_test_id("result")).to_have_count(2)
    assert "q=roofs" in page.url
    page.get_by_test_id("search").fill("sno")
    page.keyboard.press("Enter")
    _expect(page.get_by_test_id("result").first).to_contain_text(re.compile("snow", re.IGNORECASE))
    page.get_by_test_id("result").first.get_by_role("link").first.click()
    _expect(page.get_by_test_id("unit")).to_be_visible()


def test_a_search_without_a_find_says_so(open_page):
    page = open_page("#/search?q=zebra")
    _expect(page.get_by_test_id("search-status")).to_contain_text(
        re.compile("no|nothing", re.IGNORECASE)
    )


def test_the_table_of_a_layer_is_filtered_and_sorted(open_page):
    page = open_page("#/mlp.0")
    _expect(page.get_by_test_id("unit-row")).to_have_count(6)
    page.get_by_placeholder("Filter explanations").fill("rain")
    _expect(page.get_by_test_id("unit-row")).to_have_count(3)
    page.get_by_placeholder("Filter explanations").fill("")
    page.get_by_test_id("sort-density").click()
    _expect(page.locator("th[aria-sort=descending], th[aria-sort=ascending]")).to_have_count(1)
    densities = [
        float(row.split("%")[0].split()[-1])
        for row in page.get_by_test_id("unit-row").all_inner_texts()
        if "%" in row
    ]
    assert densities in (sorted(densities), sorted(densities, reverse=True))
    assert len(densities) == 5


def test_a_neighbour_is_followed_and_left_again(open_page):
    page = open_page("#/mlp.0/0")
    neighbour = page.get_by_test_id("neighbour").first
    name = neighbour.inner_text()
    neighbour.click()
    _expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.go_back()
    _expect(page.get_by_role("heading", level=1)).to_have_text("mlp.0/0")


def test_keys_step_through_units_and_draw_one(open_page):
    page = open_page("#/mlp.0/0")
    _expect(page.get_by_test_id("unit")).to_be_visible()
    page.keyboard.press("j")
    _expect(page.get_by_role("heading", level=1)).to_have_text("mlp.0/1")
    page.keyboard.press("k")
    _expect(page.get_by_role("heading", level=1)).to_have_text("mlp.0/0")
    page.keyboard.press("r")
    page.wait_for_url(re.compile(r"#/.+/\d+-?$"))
    page.keyboard.press("?")
    _expect(page.get_by_role("dialog")).to_be_visible()


def test_a_unit_has_the_same_twin_in_json_as_the_server_gives(open_page, site):
    page = open_page("#/mlp.0/1.json")
    shown = page.get_by_test_id("json-text")
    _expect(shown).to_contain_text("mlp.0/1")
    assert json.loads(shown.inner_text()) == unit_twin(site, "mlp.0/1")


def test_a_point_of_the_map_opens_its_unit(open_page, site):
    page = open_page("#/map")
    canvas = page.get_by_test_id("map")
    _expect(page.get_by_test_id("legend")).to_be_visible()
    point = _first_point(canvas, site)
    canvas.hover(position=point)
    _expect(page.get_by_test_id("map-card")).to_contain_text("mlp.0/0")
    canvas.click(position=point)
    _expect(page.get_by_role("heading", level=1)).to_have_text("mlp.0/0")


def test_a_finger_sees_a_point_of_the_map_before_it_opens_it(open_page, site):
    page = open_page("#/map", has_touch=True, viewport={"width": 375, "height": 800})
    canvas = page.get_by_test_id("map")
    point = _first_point(canvas, site)
    canvas.tap(position=point)
    _expect(page.get_by_test_id("map-card")).to_contain_text("mlp.0/0")
    _expect(page.get_by_test_id("unit")).to_have_count(0)
    canvas.tap(position=point)
    _expect(page.get_by_role("heading", level=1)).to_have_text("mlp.0/0")


def _first_point(canvas, site):
    """Where the map's canvas shows the unit of row 0."""
    points = read_block(site / "data" / "map.json.gz")
    at = points["row"].index(0)
    box = canvas.bounding_box()
    side = min(box["width"], box["height"])
    return {
        "x": (box["width"] - side) / 2 + points["x"][at] * side / 65_536,
        "y": (box["height"] - side) / 2 + points["y"][at] * side / 65_536,
    }


def test_an_address_that_leads_nowhere_says_so(open_page, address):
    page = open_page("#/")
    for hash_, said in [
        ("#/mlp.0/999", "No such unit"),
        ("#/mlp.0/01", "No such unit"),
        ("#/mlp.0/x", "No such unit"),
        ("#/mlp.9", "No such page"),
        ("#/mlp.9/1", "No such page"),
    ]:
        page.goto(address + hash_)
        _expect(page.get_by_role("heading", level=1)).to_have_text(said)


@pytest.mark.parametrize("width", [375, 900, 1440])
def test_no_page_is_wider_than_its_window(open_page, address, width):
    page = open_page("#/", viewport={"width": width, "height": 800})
    for path, sign in [
        ("", "[data-testid=sites]"),
        ("mlp.0", "[data-unit='mlp.0/0']"),
        ("mlp.0/1", "article[data-unit='mlp.0/1']"),
        ("search?q=rain", "[data-testid=result]"),
        ("map", "[data-testid=map]"),
        (ODD_PATH, f"tr[data-unit='{ODD}/7']"),
        (f"{ODD_PATH}/7-", f"article[data-unit='{ODD}/7-']"),
        (f"{ODD_PATH}/7-.json", "[data-testid=json-text]"),
    ]:
        page.goto(f"{address}#/{path}")
        _expect(page.locator(sign).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_blocks_that_arrive_late_do_not_move_what_is_there(open_page):
    """Unit 32 is the first of another block, and blocks take their time."""
    page = open_page("#/mlp.1/31", slow_data=250)
    heading = page.get_by_role("heading", level=1)
    _expect(heading).to_be_visible()
    before = heading.bounding_box()
    _expect(page.get_by_test_id("unit")).to_be_visible()
    assert heading.bounding_box() == before
    page.evaluate(SHIFTS)
    page.wait_for_timeout(100)
    cold = page.evaluate("window.shifts")
    assert cold < 0.05
    page.keyboard.press("j")
    _expect(page.locator("[data-unit='mlp.1/32']")).to_be_visible()
    assert heading.bounding_box()["y"] == before["y"]
    page.wait_for_timeout(100)
    assert page.evaluate("window.shifts") - cold < 0.05


def test_blocks_are_asked_for_by_the_build_that_they_are_of(open_page, site):
    asked = []
    page = open_page("#/mlp.0/1", on_request=asked.append)
    _expect(page.get_by_test_id("unit")).to_be_visible()
    build = read_json(site / "data" / "site.json")["build"]
    blocks = [address for address in asked if ".json.gz" in address]
    assert len(blocks) == 2
    assert all(address.endswith(f".json.gz?v={build}") for address in blocks)


def test_light_and_dark_differ_and_the_choice_is_kept_and_can_be_undone(open_page):
    page = open_page("#/", color_scheme="light")
    _expect(page.get_by_test_id("sites")).to_be_visible()
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_test_id("theme").click()
    dark = page.evaluate(colour)
    assert light != dark
    page.reload()
    _expect(page.get_by_test_id("sites")).to_be_visible()
    assert page.evaluate(colour) == dark
    page.get_by_test_id("theme").click()
    assert page.evaluate(colour) == light
    page.get_by_test_id("theme").click()
    page.emulate_media(color_scheme="dark")
    _expect(page.locator("html")).to_have_attribute("data-theme", "dark")
