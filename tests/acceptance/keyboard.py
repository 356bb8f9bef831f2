"""Somebody who has no mouse: Tab, Shift+Tab, arrows, Space and Enter, and what they must see wherever they stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import FileChooser, Page

FAR = 120
"""Stops on a page, at most."""

STOP = """
() => {
  const one = document.activeElement;
  if (one === document.body) { window.lastStop = null; return null; }
  const style = getComputedStyle(one), before = window.lastStop, box = one.getClientRects()[0];
  window.lastStop = one;
  const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
  const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
  const there = right > left && bottom > top ? document.elementFromPoint((left + right) / 2, (top + bottom) / 2) : null;
  const label = one.getAttribute("aria-label") || (one.labels && one.labels[0] ? one.labels[0].innerText : "")
    || one.innerText || one.value || "";
  return {
    label: label.trim().replace(/\\s+/g, " "),
    kind: one.localName + (one.type ? `:${one.type}` : ""),
    ring: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    seen: there !== null && (one.contains(there) || there.contains(one)),
    same: before === one,
    onward: !before || !before.isConnected || before === one
      || Boolean(before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING),
  };
}
"""
"""Where the keyboard is: what it is called, whether that shows, and whether it lies behind the last stop."""


class Keyboard:
    """The keys of one page. Whatever is reached must show that it is, in the order of the page."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def stop(self) -> dict[str, Any] | None:
        """Return where the keyboard is, None at the end of the page."""
        found: dict[str, Any] | None = self._page.evaluate(STOP)
        if found is not None:
            # Within a player the browser itself shows the place.
            inside = found["same"] and found["kind"] == "audio"
            assert found["ring"] >= 2 or inside, f"nothing shows where the keyboard is: {found}"
            assert found["seen"], f"the keyboard is where nobody sees it: {found}"
            assert found["onward"], f"the keyboard went backwards: {found}"
        return found

    def to(self, label: str, kind: str = "") -> None:
        """Go on by Tab to what is called `label`."""
        for found in self._onward():
            if found["label"] == label and found["kind"].startswith(kind):
                return
        raise AssertionError(f"{self._page.url}: the keyboard does not reach {label!r}")

    def back_to(self, label: str, kind: str = "") -> None:
        """Go back by Shift+Tab to what is called `label`."""
        for _ in range(FAR):
            self._page.keyboard.press("Shift+Tab")
            if self._page.evaluate("document.activeElement.localName") == "audio":
                continue
            self.anew()
            found = self.stop()
            if found is not None and found["label"] == label and found["kind"].startswith(kind):
                return
        raise AssertionError(f"{self._page.url}: the keyboard does not come back to {label!r}")

    def past(self) -> None:
        """Pass over what stands above every page, by the link that is there for that."""
        self._page.keyboard.press("Tab")
        found = self.stop()
        assert found is not None
        assert found["label"] == "本文へ移動"
        self._page.keyboard.press("Enter")
        self._page.wait_for_function("() => document.activeElement.id === 'main'")

    def around(self) -> list[str]:
        """Go on to the end of the page, and one stop back; return what everything on the way is called."""
        labels = [found["label"] for found in self._onward()]
        self._page.keyboard.press("Shift+Tab")
        back = self._page.evaluate(STOP)
        assert back is not None
        assert back["label"] == labels[-1]
        return labels

    def press(self, label: str, kind: str = "") -> None:
        """Go to a button or link, and press Enter for the page that it leads to."""
        self.to(label, kind)
        self.enter()

    def enter(self) -> None:
        """Press Enter where the keyboard is, for the page that comes of it."""
        with self._page.expect_navigation():
            self._page.keyboard.press("Enter")

    def open(self, label: str) -> None:
        """Go to a question, and open it."""
        self.to(label, "summary")
        self._page.keyboard.press("Enter")

    def anew(self) -> None:
        """Forget where the keyboard was: it is somewhere else on purpose."""
        self._page.evaluate("window.lastStop = null")

    def type(self, label: str, text: str) -> None:
        """Go to a field, and write over what is in it."""
        self.to(label, "input")
        self._page.keyboard.press("Control+a")
        self._page.keyboard.type(text)

    def choose(self, label: str) -> None:
        """Go to the choices of which one is called `label`, and take it by the arrows."""
        for found in self._onward():
            if found["kind"] != "input:radio":
                continue
            for _ in range(20):
                if self.stop()["label"] == label:  # type: ignore[index]
                    self._page.keyboard.press("Space")
                    return
                self._page.keyboard.press("ArrowDown")
                self.anew()
        raise AssertionError(f"{self._page.url}: no arrow leads to {label!r}")

    def bring(self, label: str, file: Any) -> None:
        """Go to a field for a file, and choose one in the window that Space opens."""
        self.to(label, "input:file")
        with self._page.expect_file_chooser() as opened:
            self._page.keyboard.press("Space")
        chooser: FileChooser = opened.value
        chooser.set_files(file)

    def arrows(self, keys: Sequence[str], label: str) -> None:
        """Press arrows within a table, which lead to what is called `label`."""
        for key in keys:
            self._page.keyboard.press(key)
        self.anew()
        found = self.stop()
        assert found is not None
        assert found["label"] == label

    def _onward(self) -> Any:
        inner = 0
        for _ in range(FAR):
            self._page.keyboard.press("Tab")
            found = self.stop()
            if found is None:
                return
            # A player has stops within itself.
            inner = inner + 1 if found["same"] else 0
            assert inner <= 8 * (found["kind"] == "audio"), f"the keyboard is trapped: {found}"
            yield found
        raise AssertionError(f"{self._page.url}: more than {FAR} stops")
