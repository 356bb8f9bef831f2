"""The console beside a running engine: from the link on the terminal to a call that is cut off from a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

from tests.acceptance.command import until
from tests.acceptance.far_end import SILENT, FarEnd
from tests.acceptance.office import Office
from tests.hooks.receiver import receiving_beside

PASSWORD = "correct horse battery"


def told_by(live: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Yield the events of an answer that lasts."""
    event = ""
    for line in live.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


def test_the_first_administrator_stops_a_call_that_is_under_way(office: Office, far_end: FarEnd) -> None:
    web = {"port": office.ports.web, "second_factor": "optional"}
    office.settings(trunk={"lines": 1}, web=web, webhooks={"hosts": ["127.0.0.1"]})
    number = far_end.number(SILENT)
    office.people([number])
    engine = office.begin("serve")
    engine.says("ready", within=30)
    engine.says("/first/", within=10)
    origin = f"http://127.0.0.1:{office.ports.web}"
    headers = {"accept": "text/html", "origin": origin}
    with (
        receiving_beside() as receiver,
        httpx.Client(base_url=origin, headers=headers, trust_env=False) as browser,
    ):

        def sent(path: str, shown_on: str, **values: str) -> httpx.Response:
            token = re.search(r'name="csrf" value="(\w+)"', browser.get(shown_on).text)
            assert token
            return browser.post(path, data={"csrf": token[1], **values})

        (link,) = re.findall(rf"{origin}(/first/\S+)", engine.out)
        own = {"name": "kacho", "display": "課長", "department": "税務課", "password": PASSWORD, "again": PASSWORD}
        assert sent(link, link, **own).headers["location"] == "/"
        page = "/tokens/webhooks"
        (department,) = re.findall(r'<option value="(\w+)"', browser.get(page).text)
        wanted = {"kinds": "call.ended", "outcomes": "cancelled"}
        told_to = sent("/api/v1/webhooks", page, name="収納", url=receiver.url, department=department, **wanted)
        (secret,) = re.findall(r"whsec_[\w+/=]+", told_to.text)
        created = office.ivr("campaign", "create", "催告", "--list", office.list, "--scenario", office.scenario)
        assert created.status == 0, created
        assert office.ivr("campaign", "start", "催告").status == 0
        until(lambda: far_end.active([number]), 10, "a call")
        today = browser.get("/api/v1/today", headers={"accept": "application/json"}).json()
        (shown,) = today["campaigns"]
        assert (shown["name"], shown["department"], shown["calling"]) == ("催告", "税務課", 1)
        assert today["troubles"] == []
        events, page = f"/api/v1/campaigns/{shown['id']}/events", f"/campaigns/{shown['id']}/live"
        with browser.stream("GET", events, headers={"accept": "text/event-stream"}, timeout=15) as live:
            told = told_by(live)
            talking = next(state for event, state in told if event == "state" and state["lines"]["talking"])
            assert (talking["calling"], talking["lines"]["free"]) == (1, 0)
            browser.headers["referer"] = origin + page
            stop = f"/api/v1/campaigns/{shown['id']}/emergency-stop"
            assert sent(stop, page).headers["location"] == page
            assert next(call for event, call in told if event == "ended")["outcome"] == "cancelled"
            halted = next(state for event, state in told if event == "state" and not state["calling"])
            assert (halted["state"], halted["lines"]["free"]) == ("halted", 1)
            assert "緊急停止しました" in browser.get(page).text
            until(lambda: not far_end.active([number]), 5, "the call is cut off")
            assert office.json("campaign", "status", "催告")["state"] == "halted"
            office.all_stored()
            until(lambda: receiver.events, 10, "the collection system is told")
            assert [(one["kind"], one["outcome"], one["try"]) for one in receiver.events] == [
                ("call.ended", "cancelled", 1)
            ]
            assert all(message.proven_by(secret) for message in receiver.messages)
            engine.process.terminate()
            assert engine.ended(within=20).status == 0, "it waits for nobody who watches"
