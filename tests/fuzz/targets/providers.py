"""What a provider of texts sends over HTTP: answers to what we asked, and callbacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import replace

from ivr.campaign.texting import Accepted
from ivr.messaging.http_shape import Callback
from ivr.messaging.http_wire import (
    Answer,
    Untold,
    answer_to_ask,
    answer_to_poll,
    answer_to_send,
    receipts_of_callback,
)
from ivr.parts.text_shapes import read_shape
from tests.fuzz.target import Run, Target

STATUSES = (200, 202, 400, 401, 422, 429, 500)


def provider() -> Run:
    """By each shipped shape: the first byte is the HTTP status, the rest a body, whole; or it tells nothing."""
    shapes = [read_shape(name) for name in ("form", "json")]
    told = shapes[1].callback
    assert told is not None
    form = Callback(auth=told.auth, encoding="form", report=replace(told.report, entries=None))

    def run(data: bytes) -> Hashable:
        body = data[1:]
        answer = Answer(status=STATUSES[data[0] % len(STATUSES)] if data else 200, body=body)
        took: list[Hashable] = []
        for shape in shapes:
            took.append(read(lambda shape=shape: answer_to_send(shape, "t1", answer)))  # type: ignore[misc]
            took.append(read(lambda shape=shape: answer_to_ask(shape, "t1", answer)))  # type: ignore[misc]
            took.append(read(lambda shape=shape: answer_to_poll(shape, ["t1"], answer)))  # type: ignore[misc]
        took += (read(lambda callback=one: receipts_of_callback(callback, body)) for one in (told, form))  # type: ignore[misc]
        return tuple(took)

    def read(one: Callable[[], object]) -> Hashable:
        try:
            found = one()
        except Untold:
            return "untold"
        if isinstance(found, Accepted):
            assert found.references
            assert all(name and name.isprintable() and len(name) <= 200 for name in found.references)
        if isinstance(found, tuple):
            assert all(receipt.reference and receipt.reference.isprintable() for receipt in found)
            return "receipts", tuple(sorted({receipt.state for receipt in found}))
        return type(found).__name__

    return run


def _body(value: object, status: int = 200) -> bytes:
    return bytes([STATUSES.index(status)]) + json.dumps(value).encode()


TARGETS = (
    Target(
        name="provider",
        start=provider,
        samples=(
            _body({"result": "0"}),
            _body({"result": "101"}),
            _body({"result": "0", "results": [{"tag": "t1", "status": "1", "cause": "11"}]}),
            _body({"result": "0", "results": []}),
            _body({"id": "m1"}, 202),
            _body({"error": {"code": "invalid_number"}}, 422),
            _body({"messages": [{"id": "m1", "client_reference": "t1"}]}),
            _body({"id": "m1", "status": "failed", "error": {"code": "blocked"}}),
            _body({"events": [{"id": "m1", "status": "delivered"}, {"id": "m2", "status": "expired"}]}),
            b"\0id=m1&status=delivered&error.code=0",
            _body(None, 429),
        ),
        tokens=(
            b'"result":"0"',
            b'"id":',
            b'"status":"delivered"',
            b'"tag":"t1"',
            b'"client_reference":"t1"',
            b'"events":[',
            b"[[[[[[[[",
            b"null",
            b"1e999",
            b"NaN",
            b"-0",
            b"99999999999999999999",
            b"\\ud800",
            b"%ff",
            b"&id=",
            b"\xef\xbb\xbf",
        ),
        longest=8_000,
    ),
)
