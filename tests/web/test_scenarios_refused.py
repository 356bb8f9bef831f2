"""What is refused of a scenario in the console, or is harmless: odd names, hostile and endless texts."""

from __future__ import annotations

import unicodedata

import pytest

from ivr.domain.authority import Role
from ivr.domain.edition import LARGEST, Kept
from ivr.web.scenarios import judging
from tests.web.browsers import ORIGIN, SCENARIO, Office
from tests.web.test_scenarios import OTHER, page_of, typed

HOSTILE = SCENARIO.replace("案内", "</textarea><script>alert(1)</script>").replace(
    "失礼", "<img src=x onerror=alert(1)>失礼"
)


@pytest.mark.parametrize("name", ["../x", "a/b", ".left", "a b", "a\x00", "x" * 41, "", "con<b>", "..", "%2e%2e"])
async def test_a_name_that_leads_elsewhere_is_refused_and_the_text_stays(at: Office, name: str) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    await browser.get("/scenarios/new")
    answer = await browser.post("/api/v1/scenarios", {"name": name, "text": OTHER})
    assert answer.status_code == 400
    assert typed(answer.text) == OTHER
    assert "名前には" in answer.text
    assert not list(at.console.settings.data_dir.glob("scenarios/*.yaml"))


async def test_a_name_that_is_taken_is_refused(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    await at.scenario("annai")
    for name in ("annai", "ANNAI", "annai.yaml", " annai "):
        answer = await browser.call("/api/v1/scenarios", {"name": name, "text": OTHER})
        assert "すでにあります" in answer.json()["message"]
    for source in ("shipped/../../ivr.yaml", "shipped/%2e%2e", "office/annai.yaml", "x", "a" * 32):
        assert (await browser.get(f"/scenarios/new?from={source}")).status_code == 404


async def test_what_is_hostile_in_a_scenario_is_words_on_every_page(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    kept = await at.scenario("annai", HOSTILE)
    await page_of(browser, kept)
    await browser.post(f"/api/v1/scenarios/{kept.id}", {"text": HOSTILE.replace("説", "x") + "# x\n", "version": 1})
    pages = [await page_of(browser, kept, more) for more in ("", "/versions", "/versions/1")]
    pages.append((await browser.get("/scenarios")).text)
    pages.append((await browser.call("/api/v1/scenarios/check", {"text": HOSTILE, "drawn": True})).json()["drawn"])
    for page in pages:
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "<img" not in page.replace('<img src="/static/mark.svg', "")


BOMBS = {
    "aliases": "a: &a [x]\nb: [*a, *a]\n",
    "deep": "[" * 1_000,
    "many steps": "version: 1\ntitle: t\nstart: a0\nsteps:\n"
    + "".join(f"  a{at}: {{say: x, then: b{at}}}\n" for at in range(300)),
    "many lines": "\n" * (LARGEST - 1),
    "control": 'title: "\\0"\n\x00\n',
    "no scenario": "- 1\n",
}


async def test_half_a_character_breaks_nothing(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    await browser.get("/scenarios/new")
    headers = {"origin": ORIGIN, "x-csrf-token": browser.csrf, "content-type": "application/json"}
    body = rb'{"name": "\ud800", "why": "\ud800", "text": "title: \ud800\n", "drawn": true}'
    for path in ("check", "sentence", ""):
        answer = await browser.client.post(f"/api/v1/scenarios/{path}".rstrip("/"), content=body, headers=headers)
        assert answer.status_code in (200, 400), (path, answer.text)


async def test_a_text_that_is_too_long_is_refused_and_stays(at: Office) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    await browser.get("/scenarios/new")
    long = SCENARIO + "# " + "あ" * (LARGEST // 3)
    answer = await browser.post("/api/v1/scenarios", {"name": "x", "text": long})
    assert (answer.status_code, typed(answer.text)) == (400, long)
    assert "長すぎます" in answer.text
    assert (await browser.post("/api/v1/scenarios", {"name": "x", "text": "a" * 300_000})).status_code == 413


async def test_what_is_copied_is_asked_for_by_an_id_and_nothing_else(
    at: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await at.signed_in("hanako", Role.CLERK)
    asked: list[str] = []
    one = at.console.book.one

    async def noted(scenario_id: str) -> Kept:
        asked.append(scenario_id)
        return await one(scenario_id)

    monkeypatch.setattr(at.console.book, "one", noted)
    # PostgreSQL bears no NUL: it would be said that the database has failed.
    assert (await browser.get("/scenarios/new?from=%00")).status_code == 404
    assert asked == ["-"]


async def test_a_name_that_reads_the_same_is_taken(at: Office) -> None:
    browser = await at.signed_in("hanako", Role.CLERK)
    place = at.console.settings.data_dir / "scenarios"
    place.mkdir(exist_ok=True)
    (place / unicodedata.normalize("NFD", "ガス料金.yaml")).write_text(SCENARIO, "utf-8")
    answer = await browser.call("/api/v1/scenarios", {"name": "ガス料金", "text": SCENARIO})
    assert (answer.status_code, "すでにあります" in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
async def test_what_would_take_for_ever_or_break_something_is_a_mistake_like_any_other(at: Office, text: str) -> None:
    browser = await at.signed_in("jiro", Role.CLERK)
    await browser.get("/scenarios/new")
    told = (await browser.call("/api/v1/scenarios/check", {"text": text})).json()
    assert told["errors"]
    assert len(told["errors"]) <= judging.MOST_SHOWN
    assert (await browser.call("/api/v1/scenarios", {"name": "x", "text": text})).status_code == 400
    assert (await at.console.book.look()).kept == ()
