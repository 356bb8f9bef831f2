"""What each step of a scenario sounds like for one recipient."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.campaign.ports import Clip, Speech
from ivr.campaign.run_call import Script
from ivr.domain.recipient import Recipient
from ivr.domain.scenario import Scenario, Step


class Scripts:
    """Prepares the clips of one campaign; what names nobody is prepared once for all."""

    def __init__(self, scenario: Scenario, speech: Speech, *, scope: str) -> None:
        """`scope` owns the audio that names a person, so that it can be erased with the campaign."""
        self._scenario = scenario
        self._speech = speech
        self._scope = scope
        self._shared: dict[str, Sequence[Clip]] = {}

    async def of(self, recipient: Recipient) -> Script:
        """Return the clips of every step by its name; raise SpeechFailed."""
        return {name: await self._clips(step, recipient) for name, step in self._scenario.steps.items()}

    async def _clips(self, step: Step, recipient: Recipient) -> Sequence[Clip]:
        shared = self._shared.get(step.name)
        if shared is not None:
            return shared
        language = self._scenario.language_of(step)
        personal = "{" in step.text
        values = recipient.values() if personal else {}
        clips = await self._speech.prepare(step.text, values, language=language, scope=self._scope)
        if not personal:
            self._shared[step.name] = clips
        return clips
