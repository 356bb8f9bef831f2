"""The rendering process: reads requests from its standard input, a line of JSON each, and answers each in turn.

It ends when its input does, and so never outlives its parent. Signals that end the parent are not for it: what it is
rendering is still wanted while calls are being brought to their end.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from tts import g711, telephone
from tts.cache import Cache
from tts.engines import engine
from tts.errors import EngineMissing, NoSuchVoice, VoiceError
from tts.job import Job
from tts.reading import Name

NICENESS = 5
"""Rendering is ahead of the calls; the calls come first."""

_AUTOGROUP = Path("/proc/self/autogroup")
"""Where Linux keeps the niceness of a session against others (sched(7)): a worker is in a session of its own."""


def main() -> None:
    """Answer requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _give_way()
    with _private_output() as answers:
        for line in sys.stdin.buffer:
            request = json.loads(line)
            answer = _answer(request)
            try:
                print(json.dumps({"id": request["id"], **answer}), file=answers, flush=True)
            except BrokenPipeError:
                os._exit(0)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what came of `request`; MemoryError, which is no fault of the text, ends the process for a fresh one."""
    try:
        return {"done": _do(request)}
    except (EngineMissing, NoSuchVoice) as error:
        return {"missing": str(error)}
    except ImportError as error:
        return {"missing": f"the engine cannot be loaded ({error.name or type(error).__name__})"}
    except VoiceError as error:
        return {"refused": str(error)}
    except OSError as error:
        return {"disk": f"the voice's files cannot be used: {error.strerror or 'input/output error'}"}
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - an engine may raise anything; the text may be in its message
        return {"refused": f"the engine failed with {type(error).__name__}"}


def _give_way() -> None:
    os.nice(NICENESS)
    # Where the kernel groups processes by session, theirs is weighed and their own niceness counts within it alone.
    with suppress(OSError):
        _AUTOGROUP.write_text(str(NICENESS), "ascii")


def _private_output() -> TextIO:
    """Return the standard output, and send nowhere what libraries print to it from here on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return answers


def _do(request: dict[str, Any]) -> Any:
    job = Job.from_json(request["job"])
    match request["do"]:
        case "store":
            return _store(job, Cache(Path(request["cache"])), request["key"], request["scope"])
        case "samples":
            return base64.b64encode(_telephone(job, request["rate"]).astype("<i2").tobytes()).decode()
        case "unreadable":
            return engine(job.engine).unreadable(job.reading, language=job.language)
        case "warm up":
            return len(_telephone(_rehearsal(job), telephone.RATE))
        case other:
            raise ValueError(other)


def _store(job: Job, cache: Cache, key: str, scope: str | None) -> None:
    samples = _telephone(job, telephone.RATE)
    cache.store(key, scope, ulaw=g711.ulaw(samples), alaw=g711.alaw(samples))


def _telephone(job: Job, rate: int) -> g711.Linear:
    sound, sound_rate = engine(job.engine).render(job.reading, voice=job.voice, language=job.language, speed=job.speed)
    return telephone.prepare(sound, sound_rate, pause=job.pause, to_rate=rate)


def _rehearsal(job: Job) -> Job:
    """Return a job in the same voice that makes the engine load all it has."""
    return Job(job.engine, job.voice, job.language, job.speed, (Name(("ヤマダ", "タロウ")), "。"), 0.0)


if __name__ == "__main__":
    main()
