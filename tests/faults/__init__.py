"""A campaign that is hurt again and again, and what the callees' side says of it: `python -m tests.faults --help`.

    network.py   the people who are called, and what they do
    desk.py      the engine: its commands, its disk, its clock
    engine.py    `ivr` with a clock that can be stepped
    faults.py    what is done to it
    campaign.py  one campaign under faults, until everybody is settled
    verdict.py   pure: the callees' record against the results

The far end's own record is the truth: who was dialled how often, who pressed `#` and heard the message to its end.
"""
