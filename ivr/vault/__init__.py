"""Keys and what is done with them. Nothing here knows a database, a list or a campaign's rows.

key_store.py   the keys, on disk, apart from the data that they lock
master.py      where the master key comes from, which locks the keys
"""

from ivr.vault.key_store import KeyStore

__all__ = ["KeyStore"]
