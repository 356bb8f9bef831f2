"""The application: every page, the API beneath them, and what surrounds both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.telemetry import TelemetryConfig
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles

from ivr.domain.authority import Deed
from ivr.web import campaigns, errors, pages, scenarios, today, wizard
from ivr.web.console import Console
from ivr.web.exclusions import page as exclusions
from ivr.web.health import page as system
from ivr.web.health.inspection import Inspection
from ivr.web.live import page as live
from ivr.web.live.watching import Watching
from ivr.web.permits import permit
from ivr.web.results import exports, recipients, reports
from ivr.web.results import figures as results
from ivr.web.safety import Safety
from ivr.web.staff import account, openid, people, signing_in
from ivr.web.systems import lists as systems
from ivr.web.systems import tokens, webhooks
from ivr.web.trail import page as trail
from ivr.web.visits import Visit

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope

API = "/api/v1"

PARTS = (
    signing_in,
    openid,
    today,
    *wizard.PARTS,
    campaigns,
    live,
    results,
    recipients,
    exports,
    reports,
    people,
    account,
    trail,
    tokens,
    webhooks,
    systems,
    *scenarios.PARTS,
    exclusions,
    system,
)

SILENT: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
    "exclude": lambda _scope: True,
}
"""Nothing is told to an OpenTelemetry that a variable of the environment may have set up: errors may name people."""

described = APIRouter()


def built(console: Console) -> FastAPI:
    """Return the application without what surrounds it: its routes are those that the tests walk."""
    app = FastAPI(
        title="呼鈴 API",
        version="1",
        description="The API that the pages of the console use. Requests that change something carry X-CSRF-Token.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=SILENT,
    )
    app.state.console = console
    app.state.watching = Watching(console)
    app.state.inspection = Inspection(console)
    errors.handle(app)
    for part in PARTS:
        app.include_router(part.page)
        app.include_router(part.api, prefix=API)
    app.include_router(described, prefix=API)
    app.mount("/static", StaticFiles(directory=pages.STATIC), name="static")
    return app


def surrounded(app: FastAPI, console: Console) -> Safety:
    """Return the application as it is served."""

    async def broken(scope: Scope, receive: Receive, error: Exception) -> Response:
        # Its state may be what broke: the page about it looks at everything anew.
        scope["state"] = {}
        scope["app"] = app
        try:
            return await errors.broken(Request(scope, receive), error)
        except Exception:  # noqa: BLE001  the page about the error is broken as well
            return PlainTextResponse(f"{errors.TITLES[500]}。{errors.OURS}\n", 500)

    return Safety(app, url=console.settings.web.url, broken=broken)


@described.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, _visit: Annotated[Visit, permit(Deed.LOOK_AROUND)]) -> dict[str, Any]:
    """Return the API's description; to make it at the first time takes half a second."""
    app: FastAPI = request.app
    return await asyncio.to_thread(app.openapi)
