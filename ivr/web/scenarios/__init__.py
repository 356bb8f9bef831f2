"""The office's scenarios: read by everybody, written by clerks, kept version by version (`ivr.editions`).

judging      what is wrong with a text, its call flow, and what its sentences sound like
listing      all of them; one that comes with us, which nobody changes
editor       a scenario is written, copied, saved over no other's, retired
history      its versions, what differs between two of them, an older one again
of_campaign  the text that a campaign was created with, which no later version changes
flow         a call flow in words; flowchart: where its drawing lies; lettering: the text in it
speaking     whether the voice can speak a scenario, and what a sentence of it sounds like
"""

from ivr.web.scenarios import editor, history, judging, listing, of_campaign

PARTS = (listing, judging, editor, history, of_campaign)
"""Parts of the application; in this order, since `/scenarios/new` is no scenario."""

__all__ = ["PARTS"]
