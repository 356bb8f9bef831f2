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

    watching     the one look at the store for everybody who watches
    watchers     somebody who watches, and what waits to be sent to them
    sights       what is shown live, in words and numbers
    lamps        the lines as lamps

    signing_in   password, code, sign-out; the first administrator
    today        what runs, what it waits for, what is not well
    campaigns    the list, one of them, and what may be done with it
    live         a campaign and the day as they go on: page and server-sent events
    wizard       a campaign in the making: list, scenario, rules, forecast, test call
    people       who may use the console, and departments
    account      one's own password, code and sessions
    trail        the audit trail: read, judged
    tokens       keys of systems: made, revoked
    bearers      which system asks with a key, and how often
    systems      what they ask: a list becomes a campaign, its results

    exclusions   who is not called: the file, what staff enter, who has opted out
    inspection   what is looked at of the engine, and how it is, since when
    health_words what that means, in words for a clerk
    system       the page about it

A page's module holds its routes, its API and its words. None talks to the database but through the store's methods,
none decides who may do what (`ivr.domain.authority` does), and none computes for longer than a call could wait.
"""

from ivr.web.console import Console
from ivr.web.serving import Opening, open_console

__all__ = ["Console", "Opening", "open_console"]
