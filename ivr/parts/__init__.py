"""Each part of the engine, made from the settings and not started.

A room for each, so that a command loads only what it needs: `keys` (the keys and the audit trail), `voice`, `rules`
(who is called, and how much the trunk bears), `enquiry` (who is asked before a dial), `exchange` (the PBX, its
interfaces, and what dials through it).
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
"""Where `make setup` unpacks Asterisk, in `.asterisk/`."""
