"""The office's own scenarios, kept version by version: the store holds every one, a file the newest.

folder.py      the files that everything else reads, and what was left in them last
book.py        looked at, saved, restored, retired: store and file brought together
"""

from ivr.editions.book import Book, Overtaken

__all__ = ["Book", "Overtaken"]
