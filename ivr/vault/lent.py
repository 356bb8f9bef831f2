"""The keys of one campaign, for a process of ours that opens its rows and does nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.errors import KeysFailed

LENT = "この処理には、一つの催告の行を読む鍵だけが渡されています。"


@dataclass(frozen=True, slots=True)
class LentKeys:
    """As `ivr.vault.KeyStore` where rows of that campaign are opened. Goes from process to process by pipe alone."""

    campaign: str
    keys: Mapping[int, bytes] = field(repr=False)

    def secret(self, name: str) -> bytes:
        """Return what opens and finds nothing: what is found by a secret is not looked for there."""
        return bytes(32)

    def destroyed(self, campaign: str) -> bool:
        """Tell that it was not erased when its keys were lent."""
        return False

    def new_data_key(self, campaign: str) -> int:
        """Refuse."""
        raise KeysFailed(LENT)

    def retire(self, campaign: str, generation: int) -> None:
        """Refuse."""
        raise KeysFailed(LENT)

    def data_keys(self, campaign: str) -> Mapping[int, bytes]:
        """Return the keys of the campaign; KeysFailed for another."""
        if campaign != self.campaign:
            raise KeysFailed(LENT)
        return self.keys
