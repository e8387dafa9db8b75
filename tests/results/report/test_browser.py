"""The page in a real browser: nothing is fetched, nothing fails, and it does what it is for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from results import ComparisonPlan, ComparisonProcess, Record
from results.report.page import page, save
from tests.fakes import MACHINE, make_comparison_process, make_hand_entry, make_profile, make_round, timed_artifact
from tests.results.report.support import report_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# One worker starts the browser.
pytestmark = pytest.mark.xdist_group("browser")

TIMES = {"mobilenetv2_100": 5.0, "efficientmod_xxs": 12.0, "efficientmod_xs": 9.0, "mine.onnx": 30.0}
_TICK = "getComputedStyle(document.querySelector('#tradeoff .xtick text')).fill"
PROFILE = make_profile([[700, 710], [200, 210]], modules=["layers.0.fc", "stem"])
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"


def _records(times: dict[str, float]) -> list[Record]:
    rounds: list[Record] = [
        make_round([ms + index / 10, ms], artifact=timed_artifact(name), index=index)
        for name, ms in times.items()
        for index in range(3)
    ]
    plan = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"))
    pairs = [make_comparison_process((1.02 + i / 1000,) * 2, plan=plan, index=i, run_id="c") for i in range(3)]
    return [*rounds, *pairs, make_hand_entry()]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two stores."""
    folder = tmp_path_factory.mktemp("page")
    save(
        page(report_of(folder, before=_records(TIMES), after=[*_records({"efficientmod_xxs": 6.0}), PROFILE])),
        folder / "report.html",
    )
    return folder / "report.html"


class Opened:
    """A page, and what happened while it was open."""

    def __init__(self, shown: "Page") -> None:
        self.page = shown
        self.problems: list[str] = []
        self.requests: list[str] = []
        shown.on("console", lambda message: self.problems.append(message.text))
        shown.on("pageerror", lambda error: self.problems.append(str(error)))
        shown.on("request", lambda request: self.requests.append(request.url))

    def load(self, path: Path, *, ready: bool = True) -> "Opened":
        self.page.goto(path.as_uri())
        if ready:
            self.page.wait_for_selector("html[data-ready]", state="attached")
        return self

    def __call__(self, script: str) -> Any:
        return self.page.evaluate(script)

    def column(self, place: int, table: str = "#measurements table") -> list[str]:
        """The cells that are shown."""
        cells: list[str] = self(
            f"[...document.querySelector('{table}').tBodies[0].rows].filter(row => row.offsetHeight)"
            f".map(row => row.cells[{place}].textContent)"
        )
        return cells


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def opened(browser: "Browser") -> Iterator[Open]:
    """Opens a page in a window of its own."""
    contexts: list[BrowserContext] = []

    def open_page(path: Path, *, ready: bool = True, before: str = "", **settings: Any) -> Opened:
        context = browser.new_context(**settings)
        contexts.append(context)
        if before:
            context.add_init_script(before)
        return Opened(context.new_page()).load(path, ready=ready)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def desktop(path: Path, opened: Open) -> Opened:
    """Opened once, as a browser is by most: starting plotly takes a second."""
    return opened(path, color_scheme="dark")


def test_nothing_fails_nothing_is_fetched_and_the_plots_are_drawn(desktop: Opened, path: Path) -> None:
    assert desktop.problems == []
    assert desktop.requests == [path.as_uri()]
    outside = "[...document.querySelectorAll('.plot')].filter(plot => !plot.closest('details'))"
    assert desktop(f"{outside}.length") == 5  # tradeoff, two stores' comparisons, stores beside each other, profile
    marks = ".main-svg .scatterlayer .point, .main-svg .iciclelayer .slice"
    assert desktop(f"{outside}.every(plot => plot.querySelector('{marks}'))")
    assert desktop("document.querySelectorAll('details .main-svg').length") == 0
    names = desktop("[...document.querySelectorAll('#tradeoff .legendtext')].map(each => each.textContent)")
    assert [name for name in names if "entered by hand" in name] == ["iPhone 13, ModelBench 1.0: entered by hand"]


def test_a_header_sorts_by_mouse_and_by_keyboard(desktop: Opened) -> None:
    headers = desktop.page.locator("#measurements table").first.locator("thead th")
    p50 = next(i for i in range(headers.count()) if headers.nth(i).inner_text().startswith("p50 ms"))
    headers.nth(p50).locator("button").click()
    assert headers.nth(p50).get_attribute("aria-sort") == "ascending"
    assert desktop.column(0) == ["mobilenetv2_100", "efficientmod_xs", "efficientmod_xxs", "mine.onnx"]
    headers.nth(p50).locator("button").focus()
    desktop.page.keyboard.press("Enter")
    assert headers.nth(p50).get_attribute("aria-sort") == "descending"
    assert [float(text) for text in desktop.column(p50)] == [30.0, 12.0, 9.0, 5.0]
    headers.nth(0).locator("button").focus()
    desktop.page.keyboard.press("Space")
    assert desktop.column(0) == sorted(TIMES)
    assert headers.nth(p50).get_attribute("aria-sort") is None


def test_what_is_empty_is_sorted_last_either_way(desktop: Opened) -> None:
    top1 = desktop.page.locator("#measurements table").first.locator("th.published button").first
    for _ in range(2):
        top1.click()
        assert desktop.column(0)[-1] == "mine.onnx"


def test_words_filter_the_rows(desktop: Opened) -> None:
    words = desktop.page.locator("#measurements .filter-words").first
    words.fill("XXS mod")
    assert desktop.column(0) == ["efficientmod_xxs"]
    assert desktop.page.locator("#measurements .filter-count").first.inner_text() == "1 of 4 rows"
    words.fill("")
    assert len(desktop.column(0)) == 4


def test_a_row_leads_to_its_network_whose_plot_is_drawn_then(desktop: Opened) -> None:
    desktop.page.locator("#measurements tbody a").first.click()
    desktop.page.wait_for_selector("details[open] .main-svg .barlayer", state="attached")
    assert desktop("document.querySelectorAll('details[open]').length") == 1
    assert desktop("document.querySelectorAll('details .plot[data-drawn]').length") == 1
    assert desktop.problems == []


def test_printed_is_all_of_it_and_afterwards_it_is_as_before(desktop: Opened) -> None:
    desktop("document.querySelectorAll('details').forEach(each => { each.open = false })")
    count = "document.querySelectorAll('details[open]').length"
    desktop(f"addEventListener('beforeprint', () => {{ window.opened = {count} }})")
    assert desktop.page.pdf(format="A4").startswith(b"%PDF")
    assert desktop("window.opened") == 5
    assert desktop("[...document.querySelectorAll('.plot')].every(plot => plot.querySelector('.main-svg'))")
    assert desktop(count) == 0
    assert desktop(_TICK) == "rgb(230, 237, 243)"
    assert desktop.problems == []


def test_dark_is_dark_and_the_plots_follow(desktop: Opened) -> None:
    assert desktop("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 27)"
    assert desktop(_TICK) == "rgb(230, 237, 243)"
    desktop.page.emulate_media(color_scheme="light")
    desktop("new Promise(done => setTimeout(done, 300))")
    assert desktop(_TICK) == "rgb(27, 31, 36)"


def test_a_phone_scrolls_tables_and_not_the_page(path: Path, opened: Open) -> None:
    shown = opened(path, viewport={"width": 390, "height": 844})
    shown("document.querySelectorAll('details').forEach(each => { each.open = true })")
    shown.page.wait_for_selector("details .main-svg", state="attached")
    assert shown("document.documentElement.scrollWidth") == 390
    assert shown("[...document.querySelectorAll('.scroll')].some(box => box.scrollWidth > box.clientWidth)")
    assert shown("[...document.querySelectorAll('.plot svg')].every(each => each.clientWidth <= 390)")


def test_a_name_that_is_a_script_is_read_and_does_not_run(tmp_path: Path, opened: Open) -> None:
    machine = msgspec.structs.replace(MACHINE, cpu_model=HOSTILE)
    rounds: list[Record] = [
        msgspec.structs.replace(make_round(artifact=timed_artifact(HOSTILE), machine=machine, index=i), id=f"a{i}")
        for i in range(3)
    ]
    entry = make_hand_entry("efficientmod_xxs", device_name=HOSTILE, note=HOSTILE)
    pairs = [
        msgspec.structs.replace(each, candidate=timed_artifact(HOSTILE))
        for each in _records({})
        if isinstance(each, ComparisonProcess)
    ]
    save(page(report_of(tmp_path, **{"a store": [*rounds, entry, *pairs]})), tmp_path / "a.html")
    shown = opened(tmp_path / "a.html")
    shown("document.querySelectorAll('details').forEach(each => { each.open = true })")
    shown.page.wait_for_selector("details .main-svg", state="attached")
    assert shown("window.hacked") is None
    assert shown("document.querySelectorAll('img[src=x]').length") == 0
    assert shown.problems == []
    assert shown.page.locator("#measurements tbody th").first.inner_text() == HOSTILE
    assert HOSTILE in shown("document.querySelector('#summary').textContent")


def test_without_javascript_everything_is_read(path: Path, opened: Open) -> None:
    shown = opened(path, ready=False, java_script_enabled=False)
    assert shown.page.locator("#measurements table").first.is_visible()
    assert shown.page.get_by_text("Without JavaScript all tables").is_visible()
    assert not shown.page.locator(".filter").first.is_visible()
    assert not shown.page.locator(".plot").first.is_visible()
    shown.page.locator("summary").first.click()
    assert shown.page.locator("details[open] table").first.is_visible()


def test_a_browser_that_cannot_open_the_plots_script_says_so(path: Path, opened: Open) -> None:
    shown = opened(path, ready=False, before="delete window.DecompressionStream")
    shown.page.wait_for_selector(".without-plots", state="visible")
    assert shown.problems == []
    assert not shown.page.locator(".plot").first.is_visible()
    shown.page.locator("#measurements thead button").first.click()
    assert shown.column(0) == sorted(TIMES)
