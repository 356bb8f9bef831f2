"""What a watcher may cost, and when it ends: sessions, rights, slow readers, failing stores, a console that closes."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.errors import StoreFailed
from ivr.web import safety, serving
from ivr.web.live import watching
from ivr.web.live.sights import Ended
from ivr.web.live.watchers import MOST_KEPT, Watcher
from tests.web.browsers import Office
from tests.web.test_serving import answered, served
from tests.web.watching import events_of, listening, running


async def test_it_ends_at_once_after_signing_out_and_the_page_is_told(at: Office, quickly: None) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    async with (
        listening(browser, events_of(campaign)) as one,
        listening(browser, "/api/v1/today/events") as today,
    ):
        await one.until(lambda: one.state)
        await browser.get("/account")
        assert (await browser.post("/sign-out")).status_code == 303
        await one.until(lambda: one.over)
        await today.until(lambda: today.over)
        assert one.events[-1] == today.events[-1] == ("over", {"why": "session"})


@pytest.mark.parametrize("how", ["switched off", "other department", "idle", "campaign moved", "password"])
async def test_it_ends_when_the_right_is_gone(at: Office, quickly: None, how: str) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    accounts = at.console.results.accounts
    await at.person("kacho", Role.ADMINISTRATOR)
    person = await accounts.named("hanako")
    assert person is not None
    other = await at.department("国保年金課")
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: listener.state)
        match how:
            case "idle":
                at.clock.forward(minutes=31)
            case "campaign moved":
                await accounts.assign(campaign.id, other.id)
            case "password":
                await at.console.register(Author(who="kacho", where="test")).reset(person)
            case _:
                await accounts.change(
                    person.id,
                    display="花子",
                    department_id=other.id if how == "other department" else person.department.id,
                    roles=person.roles,
                    active=how != "switched off",
                )
        await listener.until(lambda: listener.over)
        assert listener.events[-1] == ("over", {"why": "session"})


async def test_watching_is_no_use_of_a_session(at: Office, quickly: None) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    person = await at.console.results.accounts.named("hanako")
    assert person is not None
    (before,) = await at.console.results.accounts.sessions_of(person.id)
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: listener.state)
        at.clock.forward(minutes=20)
        await asyncio.sleep(0.2)
        assert not listener.over
    (after,) = await at.console.results.accounts.sessions_of(person.id)
    assert after.seen_at == before.seen_at


async def test_a_person_watches_in_a_few_places_and_all_together_not_without_end(
    at: Office, quickly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "OF_A_PERSON", 2)
    monkeypatch.setattr(watching, "MOST", 3)
    campaign = await running(at)
    path = events_of(campaign)
    hanako, jiro = await at.signed_in("hanako"), await at.signed_in("jiro")
    async with listening(hanako, path) as first, listening(hanako, path) as second, listening(hanako, path) as third:
        await first.until(lambda: first.over)
        assert first.events[-1] == ("over", {"why": "elsewhere"})
        await third.until(lambda: third.state)
        assert not second.over
        async with listening(jiro, path) as other, listening(jiro, path) as refused:
            await other.until(lambda: other.state)
            assert refused.status == 503
            assert not other.over


async def test_nobody_looks_while_nobody_watches_and_many_watch_with_one_look(
    at: Office, monkeypatch: pytest.MonkeyPatch, quickly: None
) -> None:
    browsers = [await at.signed_in(name) for name in ("hanako", "jiro", "saburo")]
    campaign = await running(at)
    looks = 0
    glance = type(at.console.results.figures).glance

    async def counted(*given: Any, **more: Any) -> Any:
        nonlocal looks
        looks += 1
        return await glance(*given, **more)

    monkeypatch.setattr(type(at.console.results.figures), "glance", counted)
    await asyncio.sleep(0.1)
    assert looks == 0
    path = events_of(campaign)
    async with listening(browsers[0], path) as a, listening(browsers[1], path) as b, listening(browsers[2], path) as c:
        for one in (a, b, c):
            await one.until(lambda one=one: one.state)  # type: ignore[misc]
        looks = 0
        await asyncio.sleep(0.4)
        assert 2 <= looks <= 25
    await asyncio.sleep(0.1)
    looks = 0
    await asyncio.sleep(0.1)
    assert looks == 0


async def test_it_lasts_longer_than_a_request_may(at: Office, quickly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "LONGEST_S", 1.0)
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    began = time.monotonic()
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: listener.of("beat") and time.monotonic() - began > 1.2)
        assert (listener.status, listener.over) == (200, False)
    monkeypatch.setattr(safety, "LONGEST_EVENTS_S", 0.1)
    async with listening(browser, events_of(campaign)) as ends:
        await ends.until(lambda: ends.over)
        assert ends.status == 200


async def test_a_store_that_fails_for_a_while_ends_nothing(
    at: Office, quickly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AGAIN", 0.02)
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    glance = type(at.console.results.figures).glance
    failures = iter([StoreFailed("x"), ValueError("+81357220000")])

    async def shaky(*given: Any, **more: Any) -> Any:
        for failure in failures:
            raise failure
        return await glance(*given, **more)

    monkeypatch.setattr(type(at.console.results.figures), "glance", shaky)
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: listener.state)


async def test_a_slow_reader_keeps_little_and_learns_that_something_was_left_out(at: Office) -> None:
    watcher = Watcher("hanako", campaign="c")
    for number in range(3 * MOST_KEPT):
        call = Ended(number=number, at=at.clock.now(), outcome="busy", label="話中")
        watcher.take([call], cursor=f"{number}", whole=True, state=f'{{"dials": {number}}}')
    told = watcher.events()
    assert told.count("event: ended") == MOST_KEPT
    assert told.count("event: state") == told.count("event: anew") == 1
    assert told.endswith(f'event: state\nid: {3 * MOST_KEPT - 1}\ndata: {{"dials": {3 * MOST_KEPT - 1}}}\n\n')
    assert watcher.events() == f"event: beat\nid: {3 * MOST_KEPT - 1}\ndata: {{}}\n\n"


async def test_who_reads_nothing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SLOW_S", 0.2)
    async with served(tmp_path) as (_, port, _):
        await answered(port)
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        one = b"GET /static/console.css HTTP/1.1\r\nhost: x\r\n\r\n"
        cut = False
        async with asyncio.timeout(10):
            while not cut:
                try:
                    writer.write(one * 50)
                    await writer.drain()
                except ConnectionError:
                    cut = True
                await asyncio.sleep(0.05)
        writer.transport.abort()


async def test_the_console_closes_without_waiting_for_who_watches(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack:
        at, port, _ = await stack.enter_async_context(served(tmp_path))
        await answered(port)
        browser = await at.signed_in("hanako")
        campaign = await running(at)
        client = httpx.AsyncClient(trust_env=False, cookies={"yobirin": browser.client.cookies["yobirin"]})
        address = f"http://127.0.0.1:{port}{events_of(campaign)}"
        async with client, client.stream("GET", address, headers={"accept": "text/event-stream"}) as response:
            lines = response.aiter_lines()
            async for line in lines:
                if line.startswith("event: state"):
                    break
            await stack.aclose()
            assert "graceful shutdown exceeded" not in caplog.text
            assert "event: over" not in [line async for line in lines], "the browser comes again"
