"""From a list to a campaign, step by step: each step a page of its own about a draft that is kept on the server.

steps        which steps there are and how far a draft is; what every step's page shows; no change over another's
lists        1  the list: brought in, its columns told, what was refused
scenarios    2  the scenario: chosen, read, heard; a misread name corrected
rules        3  the rules: a week of hours, tries, texts
rehearsal    4  the forecast, 5 a call to a member of staff
creating     6  everything at a glance, and the campaign is made
"""

from ivr.web.wizard import creating, lists, rehearsal, rules, scenarios

PARTS = (lists, scenarios, rules, rehearsal, creating)
"""Parts of the application, before those with `/campaigns/{campaign_id}`."""

__all__ = ["PARTS"]
