"""The engine against the simulated network: the same engine, real SIP and RTP, nobody's telephone."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from ivr import logs, scenario_files, service
from ivr.app import running
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.data_dir import made
from ivr.desk import orders
from ivr.domain.calendar import DAYS, HOLIDAY
from ivr.domain.outcome import Outcome
from ivr.domain.phone import masked, national
from ivr.parts import PROJECT
from ivr.rehearsal.callee_file import read_callees, shipped_kinds
from ivr.rehearsal.callees import Callees
from ivr.rehearsal.comparing import Difference, compare
from ivr.rehearsal.comparing_texts import TextAstray, compare_texts
from ivr.rehearsal.demo import DEMO_CALLEES, DEMO_LIST
from ivr.rehearsal.http_centre import HttpCentre
from ivr.rehearsal.http_styles import StyleName
from ivr.rehearsal.network import TelephoneNetwork
from ivr.rehearsal.ports import free_port
from ivr.rehearsal.records import CallRecord
from ivr.rehearsal.sms_centre import SmsCentre
from ivr.rehearsal.sounds import Samples
from ivr.rehearsal.taken import TakenText
from ivr.settings import Listening, Settings, load
from ivr.settings.notation import secret
from ivr.speech import TelephoneVoice, samples

DEMO_SCENARIO = PROJECT / "scenarios" / "reminder.yaml"

PRACTICE = PROJECT / "deploy" / "ivr.try.yaml"

OBLIGING = "presses_after_question"
"""The shipped kind that answers where no callee file says who does."""

OFFICE_PHONE = "0357220000"

SMS_ACCOUNT, SMS_PASSWORD = "yobirin", "rehearse"
"""At the simulated centre."""

LISTEN_TO = (Outcome.CONFIRMED, Outcome.VOICEMAIL, Outcome.HUNG_UP)
"""Of which outcomes one callee's audio is pointed out."""


class CalleeVoices:
    """`ivr.rehearsal.voices.Voices`: the engine's own voice engine, in voices that are not the engine's own."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._voices: dict[str, TelephoneVoice] = {}

    async def samples(self, text: str, voice: str) -> Samples:
        """Return `text` in `voice` as int16 at 8 kHz; raise SpeechFailed."""
        speaker = self._voices.get(voice)
        if speaker is None:
            speaker = TelephoneVoice(self._cache_dir, engine="openjtalk", voice=voice, speed=1.0, workers=1)
            self._voices[voice] = speaker
        return samples(await speaker.prepare(text, {}, language="ja", scope="callees"))

    async def close(self) -> None:
        """End the voices' processes."""
        for speaker in self._voices.values():
            await speaker.close()
        self._voices.clear()


async def demo(out: Path, lines: int) -> int:
    """Rehearse the shipped list with the shipped scenario; 0 where every outcome is the one scripted."""
    return await rehearse((DEMO_LIST, DEMO_SCENARIO, None), DEMO_CALLEES, out, lines)


async def rehearse(
    what: orders.Files | str,
    callees_file: Path | None,
    out: Path,
    lines: int,
    config: Path | None = None,
) -> int:
    """Dial a list on the simulated network and compare what came out with what was scripted.

    `what` are its files, or the name of a campaign that is stored. A sealed list is opened with the
    keys of `config`; what the callees hear is kept in `out` all the same. Without `callees_file` everybody answers,
    hears the question out and presses `#`.
    """
    console = Console()
    logs.configure(as_json=False, level="warning")
    callees = read_callees(callees_file) if callees_file else everybody(OBLIGING)
    folder = made(out / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}")
    sms_port = free_port()
    chosen = rehearsal_settings(folder / "engine", lines, sms_port=sms_port)
    order = await orders.asked(chosen, what, opened_with=lambda: load(config))
    async with (
        simulated(callees, folder / "network") as network,
        SmsCentre(callees.handsets, port=sms_port, system_id=SMS_ACCOUNT, password=SMS_PASSWORD) as centre,
    ):
        chosen = rehearsal_settings(folder / "engine", lines, trunk_port=network.sip_port, sms_port=sms_port)
        console.print(f"模擬の電話網が {network.sip_port} 番ポートで動いています。{lines} 回線でかけます。")
        async with running(chosen) as engine:
            campaign = await orders.take_up(engine.results, order, engine.audit)
            halt = await service.dial_shown(engine, campaign, console)
            status = await service.conclude(engine, campaign, halt, folder / "results.json", console)
            people = await engine.results.records(campaign.id)
        await network.quiet(within=30)
        outcomes = {national(attempt.number): attempt.outcome for person in people for attempt in person.attempts}
        if outcomes:
            show_recordings(network.records, network.callees, outcomes, console)
        calls = scenario_files.of(campaign).calls
        differences = compare(network.callees, people) if calls else ()
        if calls:
            show_differences(differences, len(people), console)
        astray = compare_texts(callees.handsets, centre.taken, people)
        show_texts_astray(astray, len(centre.taken), console)
        return 1 if differences or astray else status


def everybody(kind: str) -> Callees:
    """Return a network on which everybody is of one shipped kind."""
    return Callees(listed={}, kinds=shipped_kinds(), default=shipped_kinds()[kind])


async def practise() -> int:
    """Serve as ever, with the simulated network for a trunk, until a signal: what a new user tries the console with.

    The people of the shipped list do as their file says; who is on nobody's list obliges.
    """
    chosen = load(PRACTICE)
    callees = replace(read_callees(DEMO_CALLEES), default=shipped_kinds()[OBLIGING])
    print("練習用の模擬の電話網を用意しています。本物の電話にはかかりません。", flush=True)
    async with simulated(callees, chosen.data_dir / "network", sip_port=chosen.trunk.port):
        print(f"練習用の名簿：{DEMO_LIST}", flush=True)
        return await service.serve(chosen)


async def network(callees_file: Path, sip_port: int, out: Path) -> int:
    """Run the simulated network alone, until a signal."""
    logs.configure(as_json=False, level="warning")
    stopping = _signalled()
    async with simulated(read_callees(callees_file), out, sip_port=sip_port) as running_network:
        print(f"模擬の電話網が 127.0.0.1:{running_network.sip_port} で動いています。Ctrl-C で終わります。", flush=True)
        await stopping.wait()
    return 0


async def sms_centre(
    handsets_file: Path | None,
    port: int,
    style: StyleName | None,
    callback: str = "",
    secret_file: Path | None = None,
    *,
    account: tuple[str, str] = ("", ""),
) -> int:
    """Run the simulated SMS centre alone, until a signal; say what arrives, without what is in it.

    It speaks SMPP, with those alone who have the `account` (a system_id, a password; empty: any), or HTTP in a `style`,
    where it may tell `callback` what becomes of texts.
    """
    handsets = read_callees(handsets_file).handsets if handsets_file else {}
    stopping = _signalled()
    centre: SmsCentre | HttpCentre
    if style is None:
        system_id, password = account
        centre = SmsCentre(handsets, port=port, system_id=system_id, password=password, on_taken=_show_text)
    else:
        known = secret(secret_file, "--callback-secret-file") or ""
        centre = HttpCentre(
            handsets, shape=style, port=port, callback=callback, callback_secret=known, on_taken=_show_text
        )
    async with centre:
        place = centre.url if isinstance(centre, HttpCentre) else f"{centre.host}:{centre.port}"
        print(f"模擬の SMS センターが {place} で動いています。Ctrl-C で終わります。", flush=True)
        await stopping.wait()
    return 0


def _show_text(text: TakenText) -> None:
    at = f"{text.at.astimezone():%H:%M:%S}"
    print(f"{at} {masked(text.number)} あて、{len(text.body)} 字、{text.parts} 通", flush=True)


def _signalled() -> asyncio.Event:
    """Return what is set once we are asked to end."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


@asynccontextmanager
async def simulated(callees: Callees, directory: Path, *, sip_port: int = 0) -> AsyncIterator[TelephoneNetwork]:
    """Run the simulated network, its callees speaking in real voices, while inside.

    What is kept in `directory` holds names and numbers, so it is made for its owner alone.
    """
    made(directory)
    voices = CalleeVoices(directory / "voices")
    try:
        async with TelephoneNetwork(
            callees, directory, asterisk=find_asterisk(None, PROJECT), voices=voices, sip_port=sip_port
        ) as started:
            await voices.close()
            yield started
    finally:
        await voices.close()


def rehearsal_settings(
    data_dir: Path,
    lines: int,
    *,
    trunk_port: int = 5080,
    sms_port: int | None = None,
    listening: Listening | None = None,
) -> Settings:
    """Return settings for a simulated network: always open, one try each, ports that are free now.

    With `sms_port`, texts go to the simulated centre there.
    """
    ami, agi, metrics = (free_port() for _ in range(3))
    never = {"times": 0, "after": "1m"}
    return Settings.model_validate(
        {
            "data_dir": data_dir,
            "pbx": {
                "sip_port": free_port(socket.SOCK_DGRAM),
                "ami": {"port": ami},
                "agi": {"port": agi},
            },
            "trunk": {
                "port": trunk_port,
                "caller_id": OFFICE_PHONE,
                "lines": lines,
                "calls_per_second": max(1.0, lines / 2),
            },
            "calling": {
                "allow_late": True,
                "windows": [{"days": [*DAYS, HOLIDAY], "from": "00:00", "to": "24:00"}],
                "ring_timeout": "8s",
                "retries": {
                    **dict.fromkeys(("busy", "no_answer", "unreachable", "network_congestion", "failed"), never),
                },
            },
            "metrics": {"port": metrics},
            "listening": listening or Listening(),
            "texts": _simulated_provider(data_dir, sms_port) if sms_port is not None else {},
        }
    )


def _simulated_provider(data_dir: Path, port: int) -> dict[str, object]:
    """Return the settings of texts over the simulated centre, whose password is put into a file as they want it."""
    file = made(data_dir) / "sms.password"
    file.write_text(SMS_PASSWORD, encoding="ascii")
    smpp = {"host": "127.0.0.1", "port": port, "system_id": SMS_ACCOUNT, "password_file": file, "sender": OFFICE_PHONE}
    return {"office": "目黒区役所税務課", "office_phone": OFFICE_PHONE, "smpp": smpp}


def show_texts_astray(astray: Sequence[TextAstray], taken: int, console: Console) -> None:
    """Say whether every text came to what its handset does, and which did not."""
    if taken and not astray:
        console.print(f"SMS {taken} 件の結果も、台本どおりです。")
    for one in astray:
        console.print(f"  名簿の {one.line} 行目の SMS：{one.what}", soft_wrap=True)


def show_recordings(
    calls: Sequence[CallRecord], about: Callees, outcomes: Mapping[str, Outcome | None], console: Console
) -> None:
    """Point out the audio that one callee of each outcome heard."""
    console.print("相手が聞いた音声：")
    for outcome in LISTEN_TO:
        for call in calls:
            if outcomes.get(call.number) is outcome and call.wav is not None:
                kind = about.find(call.number).kind(call.call)
                console.print(f"  {outcome.label}：{call.wav}（{kind.about}）", soft_wrap=True)
                break


def show_differences(differences: Sequence[Difference], people: int, console: Console) -> None:
    """Say whether every outcome is the one scripted, and which are not."""
    if not differences:
        console.print(f"{people} 人全員の結果が、台本どおりです。")
        return
    console.print(f"{people} 人中 {len(differences)} 人の結果が、台本と違います：")
    for one in differences:
        expected = one.expected.label if one.expected else "なし"
        found = one.found.label if one.found else "なし"
        console.print(f"  名簿の {one.line} 行目（{one.kind}）：台本 {expected}、結果 {found}", soft_wrap=True)
