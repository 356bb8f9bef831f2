"""Keys that a callee presses, as RFC 4733 events or SIP INFO, by AMI's PlayDTMF on the callee's channel.

PlayDTMF answers when the key is released and holds up its AMI session until then. So each press has a session of
its own: callees who press at the same time don't wait for each other, and the time of a press is exact.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ivr.errors import PbxUnavailable

PRESS_SECONDS = 0.1
"""How long a key is held. ETSI ES 201 235 asks receivers to take 40 ms; people hold for 100 ms and more."""

_ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypad:
    """Presses keys on the channels of the network's own PBX."""

    host: str
    port: int
    username: str
    secret: str

    async def press(self, channel: str, key: str) -> tuple[float, float]:
        """Press `key` on `channel`; return when it went down and up, by the loop's clock.

        PbxUnavailable when the PBX doesn't take it.
        """
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await asyncio.open_connection(self.host, self.port)
                try:
                    await reader.readline()
                    await _act(reader, writer, "Login", Username=self.username, Secret=self.secret, Events="off")
                    down = clock()
                    duration = str(round(PRESS_SECONDS * 1000))
                    await _act(reader, writer, "PlayDTMF", Channel=channel, Digit=key, Duration=duration)
                    return down, clock()
                finally:
                    writer.close()
        except (OSError, TimeoutError, EOFError) as error:
            raise PbxUnavailable(f"キー送出の AMI が使えません（{type(error).__name__}）。") from error


async def _act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, action: str, **fields: str) -> None:
    lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in fields.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    while True:
        message = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace").split("\r\n")
        if "Response: Success" in message:
            return
        if any(line.startswith("Response: ") for line in message):
            raise PbxUnavailable(f"AMI が {action} を拒みました。")
