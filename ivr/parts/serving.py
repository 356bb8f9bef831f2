"""Small servers within the engine: a port of the settings, and what answers at it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from ivr.errors import Busy, reason

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@contextmanager
def listening(host: str, port: int, setting: str) -> Iterator[socket.socket]:
    """Yield a socket that listens on `host` and `port`; raise Busy, naming `setting`, where it is taken."""
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise Busy(
            f"{host}:{port} を使えません（{reason(error)}）。設定 {setting} を変えるか、"
            "そのポートを使っているプログラムを止めてください。"
        ) from None
    with listener:
        yield listener


class _Server(uvicorn.Server):
    """Uvicorn within our own application: the signals are ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    most: int | None = None,
    http: type[asyncio.Protocol] | None = None,
    proxies: Sequence[str] = (),
    ending: Callable[[], None] = lambda: None,
) -> None:
    """Serve `app`, until cancelled; `most` are its connections at once, of which more are answered 503.

    `http` speaks the protocol in place of uvicorn's own; `proxies` are believed for whom they ask; `ending` is called
    before the end, so that answers that last may end by themselves.
    """
    config = uvicorn.Config(
        app,
        http=http or "auto",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        limit_concurrency=most,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    try:
        await server.serve(sockets=[listener])
    finally:
        ending()
        # By itself it closes nothing when it is cancelled.
        if server.started:
            await server.shutdown(sockets=[listener])
