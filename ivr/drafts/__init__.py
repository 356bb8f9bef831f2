"""Campaigns in the making, kept on the server until they are created: what the wizard of the console works on.

    draft        what a draft holds
    kept         drafts on disk, each sealed with a key of its own
    uploaded     a list that came in, and what is shown of it
    shelf        the scenarios there are to choose from
    rules_form   the rules of a campaign as a form with a week in it
    making       a draft becomes a campaign
    foreseeing   its forecast, in a process of its own

Nothing here knows of a page or a request.
"""
