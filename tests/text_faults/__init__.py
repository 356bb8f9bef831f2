"""A campaign of texts (SMS) that is hurt again and again, and what the centre says: `python -m tests.text_faults -h`.

    town.py      the people on the list, and what their handsets do
    faults.py    what is done to the engine, to its database and to the centre, and when
    campaign.py  one campaign under faults, until everybody is accounted for
    verdict.py   pure: what the centre took against the results

The simulated centre lives in the process of the trial, whatever becomes of the engine: what it took is the truth.
"""
