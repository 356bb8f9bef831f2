"""Other systems of the office are told of results as they come: signed, in order, again until they are taken.

place.py      where a message may go
posting.py    one message, one answer
feeding.py    what of that which changed is to be told to whom
sending.py    the engine's task: collects, sends, tries again, gives up
"""
