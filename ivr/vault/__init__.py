"""Keys and what is done with them. Nothing here knows a database, a list or a campaign's rows.

key_store.py      the keys, on disk, apart from the data that they lock
master.py         where the master key comes from, which locks the keys
lent.py           the keys of one campaign, for a process of ours that reads its rows
fields.py         what is personal in a row of a database
sealed_files.py   files that only one reader opens (age)
signing.py        texts that prove who wrote them (Ed25519)
durable.py        small files that are on disk or not there
"""

from ivr.vault.key_store import KeyStore

__all__ = ["KeyStore"]
