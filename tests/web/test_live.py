"""Who watches a campaign, or the day: what they are told, when, and when it ends."""

from __future__ import annotations

import asyncio
import json

from ivr.domain.attempt import AttemptState
from ivr.domain.authority import Role
from ivr.domain.outcome import Outcome
from tests.web.browsers import ORIGIN, Office
from tests.web.watching import dialled, ended, events_of, listening, running


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
