"""Who watches a campaign, or the day: what they are told, when, and when it ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ivr.app import meanwhile
from ivr.campaign.attempt_id import attempt_id
from ivr.campaign.records import CampaignRow
from ivr.domain.attempt import AttemptState, Ending, Intent
from ivr.domain.audit import Author
from ivr.domain.authority import Role
from ivr.domain.outcome import Outcome
from ivr.errors import StoreFailed
from ivr.web import live, safety, serving, watching
from ivr.web.sights import Ended
from ivr.web.watchers import MOST_KEPT, Watcher
from tests.web.browsers import ORIGIN, Browser, Office
from tests.web.test_serving import answered, served

WITHIN = 5.0


@dataclass
class Listener:
    """A browser that listens. `status` of the answer; `events` as they came, with their data and the last cursor."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    cursor: str = ""
    over: bool = False
    _left: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> dict[str, object]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self._read(message.get("body", b"").decode())
            self.over = not message.get("more_body", False)
        self._changed.set()

    def _read(self, text: str) -> None:
        *pieces, self._left = (self._left + text).split("\n\n")
        for piece in pieces:
            fields = dict(line.split(": ", 1) for line in piece.split("\n"))
            self.cursor = fields.get("id", self.cursor)
            if "event" in fields:
                self.events.append((fields["event"], json.loads(fields["data"])))

    def of(self, name: str) -> list[Any]:
        return [data for event, data in self.events if event == name]

    async def until(self, true: Any, within: float = WITHIN) -> None:
        async with asyncio.timeout(within):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    @property
    def state(self) -> dict[str, Any]:
        states: list[dict[str, Any]] = self.of("state")
        return states[-1] if states else {}


@asynccontextmanager
async def listening(browser: Browser, path: str, cursor: str = "") -> AsyncIterator[Listener]:
    """Listen to events until they end, or the browser leaves."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    headers = {"host": "yobirin.test", "accept": "text/event-stream", "cookie": cookies, "last-event-id": cursor}
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.7", 50001), "server": ("yobirin.test", 80),
    }  # fmt: skip
    listener = Listener()
    async with meanwhile(browser.office.app(scope, listener.receive, listener.send)):
        await listener.until(lambda: listener.status)
        try:
            yield listener
        finally:
            listener.gone.set()


def events_of(campaign: CampaignRow) -> str:
    return f"/api/v1/campaigns/{campaign.id}/events"


async def dialled(at: Office, campaign: CampaignRow, person: str) -> Intent:
    now = at.clock.now()
    number = f"+8135722{int(person):04}"
    intent = Intent(id=attempt_id(now), campaign=campaign.id, recipient=person, number=number, at=now)
    assert await at.console.results.intend(intent)
    return intent


async def ended(at: Office, intent: Intent, outcome: Outcome, *, answered: bool = True) -> None:
    now = at.clock.now()
    ending = Ending(outcome=outcome, at=now, dialled_at=now, answered_at=now if answered else None)
    await at.console.results.end(intent.id, ending, settled=outcome, due_at=None)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is asked now and then be asked often."""
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(watching, "COUNT_EVERY", 0.02)
    monkeypatch.setattr(live, "ASK_AGAIN", 0.05)
    monkeypatch.setattr(live, "BEAT", 0.1)


async def running(at: Office, **more: Any) -> CampaignRow:
    campaign = await at.campaign("催告", **more)
    await at.console.results.move_campaign(campaign.id, expected=["created"], state="running")
    return campaign


async def test_a_call_is_a_lamp_while_it_lasts_and_an_outcome_when_it_has_ended(at: Office, quickly: None) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at, people=5)
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: listener.state)
        assert listener.headers["content-type"].startswith("text/event-stream")
        assert (listener.state["lines"]["free"], listener.state["waiting"]) == (20, 5)
        first, second = await dialled(at, campaign, "0"), await dialled(at, campaign, "1")
        await listener.until(lambda: listener.state["lines"]["dialling"] == 2)
        now = at.clock.now()
        await at.console.results.advance(second.id, expected=AttemptState.INTENDED, state=AttemptState.ANSWERED, at=now)
        await listener.until(lambda: listener.state["lines"]["talking"] == 1)
        assert listener.state["lines"]["lamps"][:3] in ("dtf", "tdf")
        await ended(at, second, Outcome.CONFIRMED)
        await listener.until(lambda: listener.of("ended") and listener.state["settled"] == 1)
        (call,) = listener.of("ended")
        assert (call["outcome"], call["label"]) == ("confirmed", "本人確認済")
        assert [bar for bar in listener.state["outcomes"] if bar["number"]] == [
            {"code": "confirmed", "label": "本人確認済", "number": 1}
        ]
        assert (listener.state["dials"], listener.state["answered"], listener.state["confirmed"]) == (1, 1, 1)
        await ended(at, first, Outcome.NO_ANSWER, answered=False)
        await listener.until(lambda: listener.state["dials"] == 2)
        assert listener.state["lines"]["lamps"].count("f") == 20
        told = json.dumps(listener.events, ensure_ascii=False)
        for secret in ("ヤマダ", "35722", first.id, second.id):
            assert secret not in told


async def test_a_call_that_rings_is_known_to_the_engine_alone(at: Office, quickly: None) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    call = await dialled(at, campaign, "0")
    object.__setattr__(at.console, "ringing", lambda: {call.id})
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: listener.state)
        assert (listener.state["lines"]["ringing"], listener.state["lines"]["dialling"]) == (1, 0)


async def test_calls_of_another_department_are_lines_in_use_and_nothing_else(at: Office, quickly: None) -> None:
    browser = await at.signed_in("hanako")
    mine = await running(at)
    theirs = await at.campaign("国保の催告", department="国保年金課")
    await at.console.results.move_campaign(theirs.id, expected=["created"], state="running")
    async with listening(browser, events_of(mine)) as one, listening(browser, "/api/v1/today/events") as today:
        await one.until(lambda: one.state)
        await today.until(lambda: today.state)
        call = await dialled(at, theirs, "0")
        await one.until(lambda: one.state["lines"]["others"] == 1)
        await today.until(lambda: today.state["lines"]["others"] == 1)
        await ended(at, call, Outcome.CONFIRMED)
        own = await dialled(at, mine, "0")
        await ended(at, own, Outcome.BUSY)
        await one.until(lambda: one.of("ended"))
        await today.until(lambda: today.state["campaigns"][0]["attempts"] == 1)
        assert [call["outcome"] for call in one.of("ended")] == ["busy"]
        assert [card["name"] for card in today.state["campaigns"]] == ["催告"]
        assert "国保" not in json.dumps(one.events + today.events, ensure_ascii=False)
    async with listening(browser, events_of(theirs)) as refused:
        assert refused.status == 404


async def test_who_comes_again_goes_on_from_where_they_were_and_is_told_nothing_twice(
    at: Office, quickly: None
) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at, people=6)
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: listener.state)
        await ended(at, await dialled(at, campaign, "0"), Outcome.CONFIRMED)
        await listener.until(lambda: listener.of("ended"))
        cursor = listener.cursor
    missed = (Outcome.BUSY, Outcome.NO_ANSWER, Outcome.HUNG_UP)
    for person, outcome in enumerate(missed, 1):
        await ended(at, await dialled(at, campaign, f"{person}"), outcome)
    async with listening(browser, events_of(campaign), cursor) as again:
        await again.until(lambda: again.state)
        await ended(at, await dialled(at, campaign, "4"), Outcome.CONFIRMED)
        await again.until(lambda: len(again.of("ended")) >= 4)
        outcomes = [call["outcome"] for call in again.of("ended")]
        assert outcomes == ["busy", "no_answer", "hung_up", "confirmed"]
        assert again.of("anew") == []
    for unknown in ("999999", "x", "1-2.3.x"):
        async with listening(browser, events_of(campaign), unknown) as lost:
            await lost.until(lambda: lost.state)
            assert (len(lost.of("anew")), lost.of("ended")) == (1, [])


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
        await one.until(lambda: one.over, 1)
        await today.until(lambda: today.over, 1)
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
        await listener.until(lambda: listener.over, 2)
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


async def test_buttons_come_and_go_with_the_state_as_the_visitor_may(at: Office, quickly: None) -> None:
    clerk, auditor = await at.signed_in("hanako"), await at.signed_in("sato", Role.AUDITOR)
    campaign = await running(at)
    async with listening(clerk, events_of(campaign)) as one, listening(auditor, events_of(campaign)) as other:
        await one.until(lambda: one.of("buttons"))
        assert one.of("buttons")[-1] == ["pause", "stop", "emergency-stop"]
        await clerk.get(f"/campaigns/{campaign.id}/live")
        page = f"/campaigns/{campaign.id}/live"
        answer = await clerk.post(f"/api/v1/campaigns/{campaign.id}/emergency-stop", referer=ORIGIN + page)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        await one.until(lambda: one.state["state"] == "halted")
        await one.until(lambda: one.of("buttons")[-1] == ["resume", "stop"])
        await other.until(lambda: other.state["state"] == "halted")
        assert other.of("buttons") == [[]]
    assert await at.state(campaign) == "halted"
    shown = (await clerk.get(page)).text
    assert "緊急停止しました" in shown
    assert "緊急停止なので、かけていません" in shown


async def test_without_a_script_the_page_shows_how_it_stands_and_how_to_look_again(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    await ended(at, await dialled(at, campaign, "0"), Outcome.CONFIRMED)
    await dialled(at, campaign, "1")
    path = f"/campaigns/{campaign.id}/live"
    page = (await browser.get(path)).text
    assert f'<a href="{path}">最新の表示にする</a>' in page
    assert '<i class="l-d"></i>' in page
    assert page.count('<i class="l-f"></i>') == 19
    assert "100.0%" in page
    assert "まだ見積もれません" in page
    assert f'href="{path}"' in (await browser.get(f"/campaigns/{campaign.id}")).text
    told = (await browser.client.get(events_of(campaign))).json()
    assert (told["settled"], told["calling"], told["dials"]) == (1, 1, 1)


async def test_a_campaign_that_goes_well_is_forecast(at: Office) -> None:
    browser = await at.signed_in("hanako")
    campaign = await running(at, people=60)
    at.clock.forward(minutes=10)
    calls = await asyncio.gather(*(dialled(at, campaign, f"{person}") for person in range(30)))
    await asyncio.gather(*(ended(at, call, Outcome.CONFIRMED) for call in calls))
    told = (await browser.client.get(events_of(campaign))).json()
    assert told["forecast"] == "およそ 12:20 ごろ"
    await at.console.results.move_campaign(campaign.id, expected=["running"], state="paused")
    assert (await browser.client.get(events_of(campaign))).json()["forecast"] is None


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
        assert 4 <= looks <= 25
    await asyncio.sleep(0.1)
    looks = 0
    await asyncio.sleep(0.1)
    assert looks == 0


async def test_it_lasts_longer_than_a_request_may(at: Office, quickly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "LONGEST_S", 0.1)
    browser = await at.signed_in("hanako")
    campaign = await running(at)
    async with listening(browser, events_of(campaign)) as listener:
        await listener.until(lambda: len(listener.of("beat")) >= 4)
        assert not listener.over
    monkeypatch.setattr(safety, "LONGEST_EVENTS_S", 0.1)
    async with listening(browser, events_of(campaign)) as ends:
        began = time.monotonic()
        await ends.until(lambda: ends.state)
        while time.monotonic() - began < 0.3:
            await asyncio.sleep(0.05)
        seen = len(ends.events)
        await asyncio.sleep(0.2)
        assert len(ends.events) == seen


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


async def test_the_console_closes_without_waiting_for_who_watches(tmp_path: Path) -> None:
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
            began = time.monotonic()
            await stack.aclose()
            assert time.monotonic() - began < 0.8, "it does not wait for its second"
            assert "event: over" not in [line async for line in lines], "the browser comes again"
