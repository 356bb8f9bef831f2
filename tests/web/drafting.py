"""A campaign in the making, as a browser makes it: a list, a draft, a step sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ivr.campaign.records import CampaignRow
from tests.web.browsers import ORIGIN, Browser, Office

HEADER = "宛名番号,カナ氏名,電話番号,電話番号2\n"
LISTED = (
    HEADER
    + "0001,ヤマダ タロウ,03-5722-0001,090-1234-0001\n"
    + "0002,サトウ ハナコ,03-5722-0002,\n"
    + "0003,スズキ 一郎,03-5722-0003,\n"
    + "0004,タナカ ジロウ,12,\n"
)
SETTINGS = "web: {second_factor: optional}\n"
SHORT = "shipped/short.yaml"


async def begun(browser: Browser, listed: str = LISTED, name: str = "meibo.csv") -> str:
    """Bring a list in; return where the draft is, as `/campaigns/new/<id>`."""
    await browser.get("/campaigns/new")
    answer = await browser.upload("/api/v1/drafts", listed.encode("cp932"), name)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removesuffix("/list")


def api(at: str) -> str:
    return at.replace("/campaigns/new/", "/api/v1/drafts/")


def version(page: str) -> str:
    return re.findall(r'name="version" value="(\d+)"', page)[-1]


async def sent(browser: Browser, at: str, step: str, action: str, values: Mapping[str, object]) -> str:
    """Send the form of a step as a browser does; return the page that comes of it."""
    page = (await browser.get(f"{at}/{step}")).text
    answer = await browser.post(
        f"{api(at)}/{action}", {"version": version(page), **values}, referer=f"{ORIGIN}{at}/{step}"
    )
    assert answer.status_code == 303, answer.text
    return (await browser.get(answer.headers["location"])).text


def filled(page: str) -> dict[str, object]:
    """Return what the form of the rules would send."""
    form = page.split('id="rules"')[1].split("</form>", maxsplit=1)[0]
    values: dict[str, object] = {}
    for field in re.findall(r"<input[^>]*>", form):
        name = re.search(r'name="([^"]*)"', field)
        value = re.search(r'value="([^"]*)"', field)
        if name is None or 'type="hidden"' in field or ('type="checkbox"' in field and " checked" not in field):
            continue
        if 'type="checkbox"' in field:
            values.setdefault(name[1], [])
            several = values[name[1]]
            assert isinstance(several, list)
            several.append(value[1] if value else "on")
        else:
            values[name[1]] = value[1] if value else ""
    return values


async def the_campaign(at: Office) -> CampaignRow:
    (campaign,) = await at.console.results.campaigns()
    return campaign


async def ready(browser: Browser, listed: str = LISTED) -> str:
    """Return a draft of which only the name is missing, but for the rules, which are the office's."""
    draft = await begun(browser, listed)
    await sent(browser, draft, "scenario", "scenario", {"key": SHORT})
    return draft
