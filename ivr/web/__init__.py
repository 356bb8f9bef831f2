"""The console of staff: pages in Japanese and, beneath them, the API under /api/v1.

    console      what every page works with: settings, store, audit trail, door
    building     the application: every page and what surrounds them
    serving      the port, and what a slow or greedy client may cost

    visits       who sits at the browser: cookie, session, address
    permits      what every route asks: may they, on this campaign, and was it meant
    forms        what comes in, as a form or as JSON; answers go out as a page or as JSON
    multipart    a form with a file, taken apart as it comes in
    pages        templates, and what stands on every page
    safety       headers, origin, limits of size and time
    errors       what is said when something is not as it should be

    today        what runs, what it waits for, what is not well
    campaigns    the list, one of them, and what may be done with it
    wizard/      a campaign in the making: list, scenario, rules, forecast, test call
    live/        a campaign and the day as they go on: page and server-sent events
    results/     what has become of people: counted, one by one, as a file, by day and month
    scenarios/   what calls say: written, drawn, heard, kept version by version
    exclusions/  who is not called: the file, what staff enter, who has opted out
    staff/       who uses the console: signing in, register, one's own account
    systems/     systems of the office: keys, what they ask, which of them are told
    trail/       the audit trail: read, judged
    health/      what is looked at of the engine, and what it means in words for a clerk

A page's module holds its routes, its API and its words. None talks to the database but through the store's methods,
none decides who may do what (`ivr.domain.authority` does), and none computes for longer than a call could wait.
"""

from ivr.web.console import Console
from ivr.web.serving import Opening, open_console

__all__ = ["Console", "Opening", "open_console"]
