"""Systems of the office.

tokens     their keys: made, revoked
bearers    which system asks with a key, and how often
lists      what they ask: a list becomes a campaign, its results are read
webhooks   which of them are told of results
"""
