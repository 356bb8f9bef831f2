"""The simulated provider over HTTP against our own gateway, by the shipped shapes as they are."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ivr.app import meanwhile
from ivr.campaign.texting import Accepted, NotNow, NotTaken, Refused
from ivr.domain.text import TextState
from ivr.errors import Busy, TextUncertain
from ivr.messaging import HttpGateway, callbacks
from ivr.parts.serving import listening, serve
from ivr.parts.text_shapes import read_shape
from ivr.rehearsal.handsets import Habit, Manner, habit
from ivr.rehearsal.http_centre import HttpCentre
from tests import warm
from tests.messaging.centres import LIMIT, PHONE, Heard, free_port, text
from tests.messaging.providers import QUICK, SECRET, STYLES, Style, gateway
from tests.rehearsal.habits import HANDSET, ROOT, TOLD, soon

BODY = "市役所です。𠮷田さん &=%\n" * 10


@asynccontextmanager
async def joined(
    style: Style, one: Habit, heard: Heard, outstanding: list[str] | None = None, **options: object
) -> AsyncIterator[tuple[HttpCentre, HttpGateway]]:
    """A centre with one handset, and our gateway that sends to it."""
    centre = HttpCentre({HANDSET: one}, shape=style, user="meguro", secret=SECRET, **options)  # type: ignore[arg-type]
    async with centre, gateway(style, centre.url, heard, outstanding=[] if outstanding is None else outstanding) as sms:
        yield centre, sms


@asynccontextmanager
async def hearing(heard: Heard) -> AsyncIterator[str]:
    """Where callbacks of the shape `json` are heard."""
    callback = read_shape("json").callback
    assert callback is not None
    app = callbacks(callback, path="/texts", secret=SECRET, on_receipt=heard.receipt)
    port = free_port()
    with listening("127.0.0.1", port, "port") as listener:
        async with meanwhile(serve(app, listener)):
            yield f"http://127.0.0.1:{port}/texts"


@pytest.mark.parametrize("manner", TOLD)
async def test_what_becomes_of_a_text_is_told_by_callbacks(manner: Manner) -> None:
    heard = Heard()
    async with (
        hearing(heard) as url,
        joined("json", soon(manner), Heard(), callback=url, callback_secret=SECRET) as (centre, sms),
    ):
        accepted = await sms.submit(text(BODY))
        await centre.quiet(within=LIMIT)
    assert isinstance(accepted, Accepted)
    assert [(one.reference, one.state) for one in heard.receipts] == [
        (accepted.references[0], state) for state in TOLD[manner]
    ]
    (taken,) = centre.taken
    assert (taken.number, taken.body, taken.parts, taken.ids) == (PHONE, BODY, 1, accepted.references)
    assert centre.taken_as("t1") == (taken,)
    assert centre.count_by_number() == {PHONE: 1}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("manner", [one for one in TOLD if TOLD[one]])
async def test_what_became_of_a_text_is_told_to_who_asks(manner: Manner, style: Style) -> None:
    heard, outstanding = Heard(), list[str]()
    async with joined(style, soon(manner), heard, outstanding) as (centre, sms):
        outstanding.append("never-taken")
        accepted = await sms.submit(text())
        assert isinstance(accepted, Accepted)
        outstanding[:] = accepted.references
        await heard.until(lambda: bool(heard.receipts) and heard.receipts[-1].state is TOLD[manner][-1])
    assert {one.reference for one in heard.receipts} == {"t1" if style == "form" else centre.taken[0].ids[0]}


@pytest.mark.parametrize("style", STYLES)
async def test_a_number_that_does_not_exist_takes_nothing(style: Style) -> None:
    async with joined(style, soon("no_number"), Heard()) as (centre, sms):
        refused = await sms.submit(text())
        landline = await sms.submit(text(number="+81312345678"))
    assert [one.state for one in (refused, landline) if isinstance(one, Refused)] == [TextState.NO_NUMBER] * 2
    assert centre.taken == ()


@pytest.mark.parametrize("style", STYLES)
async def test_a_throttled_number_takes_the_text_at_last(style: Style) -> None:
    async with joined(style, habit("throttled", times=2), Heard()) as (centre, sms):
        said = []
        for _ in range(3):
            assert await sms.ready(LIMIT)
            said.append(type(await sms.submit(text())))
        assert said == [NotNow, NotNow, Accepted]
        assert centre.count_by_number() == {PHONE: 1}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("manner", "count"), [(Manner.DISCONNECTS, 1), (Manner.DISCONNECTS_BEFORE, 0)])
async def test_a_connection_that_closes_without_an_answer_leaves_a_text_to_be_asked_for(
    manner: Manner, count: int, style: Style
) -> None:
    async with joined(style, soon(manner), Heard()) as (centre, sms):
        with pytest.raises(TextUncertain, match="接続を切りました"):
            await sms.submit(text())
        assert len(centre.taken) == count
        name = "t1" if style == "form" else centre.taken[0].ids[0] if count else ""
        assert await sms.became("t1") == (Accepted(references=(name,)) if count else NotTaken())
        assert isinstance(await sms.submit(text()), Accepted)
        assert len(centre.taken_as("t1")) == count + 1


async def test_a_callback_is_repeated_until_it_is_stored() -> None:
    heard = Heard(fail=2)
    async with (
        hearing(heard) as url,
        joined("json", soon("delivered"), Heard(), callback=url, callback_secret=SECRET) as (centre, sms),
    ):
        await sms.submit(text())
        await centre.quiet(within=LIMIT)
    assert [one.state for one in heard.receipts] == [TextState.DELIVERED]


async def test_who_does_not_know_the_secret_is_not_let_in() -> None:
    async with (
        HttpCentre(shape="json", secret="another") as centre,
        gateway("json", centre.url, Heard()) as sms,
    ):
        assert isinstance(await sms.submit(text()), NotNow)
        assert "HTTP 401" in sms.state
        assert centre.taken == ()


@pytest.mark.parametrize("style", STYLES)
async def test_what_is_no_text_is_answered_400(style: Style) -> None:
    async with HttpCentre(shape=style) as centre, httpx.AsyncClient(trust_env=False) as client:
        url = centre.url + ("/send" if style == "form" else "/messages")
        for body in (b"", b"\xff", b"[]", b"to=09012345678", b'{"to": "+819012345678"}'):
            assert (await client.post(url, content=body)).status_code == 400
        assert centre.taken == ()


async def test_a_taken_port_is_told_and_callbacks_of_forms_are_none() -> None:
    async with HttpCentre(shape="form") as centre:
        with pytest.raises(Busy):
            async with HttpCentre(shape="form", port=centre.port):
                pass
    with pytest.raises(ValueError, match="callbacks"):
        HttpCentre(shape="form", callback="http://127.0.0.1:1/texts")


async def test_nothing_is_left_running() -> None:
    before = asyncio.all_tasks()
    callback = f"http://127.0.0.1:{free_port()}/texts"
    handsets = {HANDSET: habit("slow", after=60.0)}
    async with (
        HttpCentre(handsets, shape="json", callback=callback) as centre,
        gateway("json", centre.url, Heard(), replace(QUICK, exchange=60.0)) as sms,
        asyncio.TaskGroup() as group,
    ):
        await sms.submit(text(number="+819012345679"))
        waiting = group.create_task(sms.submit(text()))
        await centre.until(lambda: len(centre.taken) == 2, within=LIMIT)
        with pytest.raises(TimeoutError):
            await centre.quiet(within=0.05)
        waiting.cancel()
    assert asyncio.all_tasks() == before
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(centre.host, centre.port)


async def test_who_waits_for_an_answer_when_it_ends_gets_none() -> None:
    async with asyncio.TaskGroup() as group, asyncio.timeout(LIMIT):
        async with HttpCentre({HANDSET: habit("slow", after=60.0)}, shape="json") as centre:
            url = f"{centre.url}/messages"
            sent = {"to": PHONE, "text": "市役所です。", "client_reference": "t1"}

            async def ask() -> None:
                async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
                    with pytest.raises(httpx.HTTPError):
                        await client.post(url, json=sent)

            asking = group.create_task(ask())
            await centre.until(lambda: bool(centre.taken), within=LIMIT)
        await asking


async def test_an_error_inside_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with HttpCentre(shape="json"):
            raise KeyError


@pytest.mark.parametrize("style", STYLES)
async def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path, style: Style) -> None:
    heard = Heard()
    (tmp_path / "callees.yaml").write_text(f'handsets: {{"{HANDSET}": refused}}\n', "utf-8")
    (tmp_path / "callback.secret").write_text(f"{SECRET}\n", "utf-8")
    async with hearing(heard) as url:
        told = ("--callback", url, "--callback-secret-file", str(tmp_path / "callback.secret"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr", "sms-centre", "--http", style, "--port", "0"),
            *("--handsets", str(tmp_path / "callees.yaml"), *(told if style == "json" else ())),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(60):
                found = re.search(r"(http://\S+) で動いています", (await process.stdout.readline()).decode())
                assert found is not None
                outstanding = list[str]()
                asked = Heard()
                async with gateway(style, found[1], asked, outstanding=outstanding) as sms:
                    accepted = await sms.submit(text("市役所です。"))
                    assert isinstance(accepted, Accepted)
                    outstanding += accepted.references
                    line = (await process.stdout.readline()).decode()
                    await asked.until(lambda: bool(asked.receipts) and asked.receipts[-1].state.final)
                    if style == "json":
                        await heard.until(lambda: bool(heard.receipts))
                process.send_signal(signal.SIGINT)
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert {one.state for one in (asked.receipts[-1], *heard.receipts)} == {TextState.REFUSED}
    assert line.endswith("*******5678 あて、6 字、1 通\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--callback", "http://127.0.0.1:1/texts"), "--callback は、--http json と一緒に"),
        (("--http", "form", "--password", "himitsu"), "--http とは一緒に使えません"),
        (("--http", "form", "--callback", "http://127.0.0.1:1/texts"), "--callback は、--http json と一緒に"),
        (("--http", "json", "--callback-secret-file", "s"), "--callback と --callback-secret-file は、両方"),
        (("--http", "json", "--callback", "ftp://h", "--callback-secret-file", "s"), "http://"),
    ],
)
def test_options_that_do_not_go_together_are_told(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    ended = warm.run(["sms-centre", *words], cwd=tmp_path, env={**os.environ, "COLUMNS": "200"}, timeout=60)
    assert ended.returncode != 0
    assert said in ended.stderr
