"""The results store.

results.py     the port `Results`: SqlResults
commands.py    what changes the store
settling.py    people who wait longer, are settled or excluded without a call
tallying.py    counts kept as attempts end
changes.py     what changed, numbered
prepared.py    a statement compiled once and run often
erasing.py     a campaign's end: counts stay, rows go
resealing.py   rows sealed anew with a newer key
queries.py     what is asked of it
people.py      people page by page, one person's history
figures.py     a campaign counted
tokens.py      tokens of systems that ask the API
editions.py    the office's own scenarios, version by version
webhooks.py    systems that are told of results; webhook_feed.py: of what, and what waits to be told
sealing.py     between people and rows: what names somebody is sealed
refusals.py    who wants no calls and no texts, taken over by a restore
audit.py       the audit trail, to which entries are only added
backups.py     copies of the whole database, and the way back
tables.py      of calls, console_tables.py of the console, schema.py what all tables share; migrations/ their history
writer.py      group commit
lending.py     what the parts are lent by the whole
databases.py   SQLite and PostgreSQL behind one face
failures.py    what a database says when it refuses
"""

from ivr.storage.audit import EVERYTHING, AuditAsked
from ivr.storage.results import SqlResults

__all__ = ["EVERYTHING", "AuditAsked", "SqlResults"]
