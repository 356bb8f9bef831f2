"""The console in a real browser: what people type and press, what a page is judged by, what was asked for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyotp
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = ROOT / ".browser/bin/chromium"
AXE = ROOT / ".browser/node_modules/axe-core/axe.min.js"
SHOTS = ROOT / ".artifacts/console"
"""Where every page's picture goes, anew with each run."""

WIDE = {"width": 1280, "height": 720}
ZOOMED = {"width": 640, "height": 360}
"""What 1280 by 720 is at 200 %."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

LIMIT = 15_000
"""Milliseconds for anything that a page is waited for."""

JUDGED = """
async (rules) => {
  const found = await axe.run(document, {runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]});
  return found.violations.map((one) => `${one.id}: ${one.help}: ` + one.nodes.map((node) => node.html).join(" ¦ "));
}
"""

BESIDE = """
() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  const scrolls = (one) => one && (getComputedStyle(one).overflowX !== "visible" || scrolls(one.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > edge + 0.5 && !scrolls(one.parentElement))
    .map((one) => one.outerHTML.slice(0, 120));
}
"""
"""What reaches out of the window, but for what scrolls in a box of its own."""

FOCUSED = """
() => {
  const one = document.activeElement, style = getComputedStyle(one);
  return {id: one.id, name: one.innerText || one.name || "", ring: parseFloat(style.outlineWidth)};
}
"""


class Screens:
    """Pages of one console, and all that any of them has asked for."""

    def __init__(self, chromium: Browser, origin: str) -> None:
        self._chromium = chromium
        self._origin = origin
        self._axe = AXE.read_text("utf-8")
        self.asked: list[str] = []
        self.failed: list[str] = []
        self.away = False
        self.seen: dict[str, str] = {}
        """The path of each page that was looked at, by the name of its picture."""

    def visitor(self) -> Visitor:
        """Return somebody at a computer of their own."""
        context = self._chromium.new_context(
            base_url=self._origin, viewport=WIDE, locale="ja-JP", timezone_id="Asia/Tokyo", reduced_motion="reduce"
        )
        context.set_default_timeout(LIMIT)
        context.on("request", lambda request: self.asked.append(request.url))
        return Visitor(self, context)

    def look(self, page: Page, name: str) -> None:
        """Judge the page that is shown, as wide as a screen and at 200 %, and keep a picture of both."""
        page.evaluate(self._axe)
        faults = [f"axe {one}" for one in page.evaluate(JUDGED, RULES)]
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
        faults += [f"beyond 1280 px: {one}" for one in page.evaluate(BESIDE)]
        page.set_viewport_size(ZOOMED)
        page.screenshot(path=SHOTS / f"{name}-200.png", full_page=True)
        faults += [f"beyond 640 px: {one}" for one in page.evaluate(BESIDE)]
        page.set_viewport_size(WIDE)
        if page.locator("html").get_attribute("lang") != "ja" or page.locator("h1").count() != 1:
            faults.append("not one h1 in Japanese")
        # The answer to a form has the address of its page, which is not seen by that.
        answer = page.locator("body").get_attribute("data-address")
        self.seen[name] = f"answer:{answer}" if answer else urlsplit(page.url).path
        self.failed += [f"{name} ({self.seen[name]}): {one}" for one in faults]

    @contextmanager
    def engine_away(self) -> Iterator[None]:
        """Meanwhile pages ask in vain."""
        self.away = True
        yield
        self.away = False

    def elsewhere(self) -> list[str]:
        """Return what was asked of anybody else than the console."""
        return [url for url in self.asked if not url.startswith((f"{self._origin}/", "data:"))]


class Visitor:
    """Somebody at the console."""

    def __init__(self, screens: Screens, context: BrowserContext) -> None:
        self._screens = screens
        self._seed = ""
        self._used: datetime = datetime.min.replace(tzinfo=UTC)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: screens.failed.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._noted)

    def _noted(self, message: Any) -> None:
        if self._screens.away and "net::ERR_" in message.text:
            return
        if message.type == "error" and "status of 4" not in message.text:
            self._screens.failed.append(f"{self.page.url}: {message.text}")

    def go(self, path: str, name: str = "") -> None:
        """Open a page, and look at it if it has a `name`."""
        self.page.goto(path)
        if name:
            self.look(name)

    def look(self, name: str) -> None:
        """Look at the page that is shown."""
        self._screens.look(self.page, name)

    def fill(self, **values: str) -> None:
        """Fill fields in by their labels in Japanese."""
        for label, value in values.items():
            self.page.get_by_label(label, exact=True).fill(value)

    def press(self, button: str) -> None:
        """Press what reads `button`, and wait for the page that comes of it."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button).click()

    def follow(self, link: str) -> None:
        """Follow the link that reads `link`."""
        self.page.get_by_role("link", name=link).click()
        self.page.wait_for_load_state()

    def confirm(self, question: str) -> None:
        """Open the question that reads `question`, and answer it with yes."""
        details = self.page.locator("details.confirm", has=self.page.locator("summary", has_text=question)).first
        details.locator("summary").click()
        with self.page.expect_navigation():
            details.locator("form button").click()

    def says(self, text: str) -> None:
        """See that the page says `text`."""
        shown = self.page.locator("main").inner_text()
        assert text in shown, f"{self.page.url} does not say {text!r}:\n{shown}"

    def drag_in(self, file: Path) -> None:
        """Drag a file onto the place for it, as the browser tells the page of that."""
        drop = self.page.locator(".drop")
        data = self.page.evaluate_handle(
            """([name, bytes]) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], name, {type: "text/csv"}));
              return data;
            }""",
            [file.name, list(file.read_bytes())],
        )
        drop.dispatch_event("dragenter", {"dataTransfer": data})
        assert "over" in (drop.get_attribute("class") or "").split()
        drop.dispatch_event("drop", {"dataTransfer": data})
        assert "over" not in (drop.get_attribute("class") or "").split()

    def take_telephone(self) -> None:
        """Have a telephone of one's own, on the page that asks for one."""
        seed = self.page.locator("details code").text_content() or ""
        self._seed = re.sub(r"\s", "", seed)
        self.fill(確認コード=self.code())
        self.press("設定する")

    def code(self) -> str:
        """Return the next code that the telephone shows and that was not used; the door takes one step of drift."""
        at = max(datetime.now(UTC), self._used + timedelta(seconds=30))
        self._used = at
        return pyotp.TOTP(self._seed).at(at)

    def type_blind(self, *values: str) -> None:
        """Fill a form in by the keyboard alone: tab to each field in turn, type, and send it with Enter."""
        for value in values:
            self._tab_to_field()
            self.page.keyboard.type(value)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def _tab_to_field(self) -> None:
        for _ in range(20):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(FOCUSED)
            assert focused["ring"] >= 2, f"nothing shows where the keyboard is: {focused}"
            if focused["id"] and self.page.locator(f"input#{focused['id']}").count():
                return
        raise AssertionError("no field is reached by the keyboard")


@contextmanager
def screens(origin: str) -> Iterator[Screens]:
    """Start a browser that reaches nothing but this machine, and look at the console at `origin` with it."""
    assert CHROMIUM.exists(), "no browser: make setup"
    assert AXE.exists(), "no axe-core: make setup"
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--disable-gpu"],
        )
        try:
            yield Screens(chromium, origin)
        finally:
            chromium.close()
