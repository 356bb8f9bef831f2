"""What a campaign says: the text that it was created with and that is approved, whatever has been saved since."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from ivr.domain.authority import Deed
from ivr.web import pages
from ivr.web.console import console_of
from ivr.web.permits import CampaignVisit, permit_campaign
from ivr.web.scenarios import judging

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["scenarios"])


@page.get("/campaigns/{campaign_id}/scenario")
async def campaign_scenario_page(
    request: Request, asked: Annotated[CampaignVisit, permit_campaign(Deed.SEE_CAMPAIGN)]
) -> Response:
    """Show a campaign's scenario, to be read before it is approved and ever after."""
    console, campaign = console_of(request), asked.campaign
    file = campaign.scenario_file.rpartition("/")[2]
    looked = await judging.look_again(console, campaign.scenario, file)
    context = await judging.shown(console, looked.scenario) | {
        "campaign": campaign,
        "file": file,
        "lines": campaign.scenario.replace("\r\n", "\n").removesuffix("\n").split("\n"),
        "audible": False,
    }
    return await pages.show(request, "campaign_scenario.html", context)
