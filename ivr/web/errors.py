"""What is said when something is not as it should be: as a page, or as JSON to a program."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from ivr.errors import InputError, IvrError, KeyDestroyed, NotFound, NotLetIn, OwnError, place
from ivr.web import forms, pages
from ivr.web.visits import Guest, visit_of

log = structlog.get_logger(__name__)


class Refusal(Exception):
    """A route does not do what is asked."""


class NotAllowed(Refusal):
    """Who asks has no right to."""


class NotMeant(Refusal):
    """A request that does not come from one of our pages as it was shown to who sends it."""


class TokenFirst(Refusal):
    """A system that asks without a token that holds."""


@dataclass
class TooMany(Refusal):
    """Somebody asks too often; `again` in so many seconds."""

    again: int


class SignInFirst(Refusal):
    """Nobody is signed in."""


@dataclass
class GoTo(Refusal):
    """Something is to be done first, at `path`; `why` in a word for programs."""

    path: str
    why: str


TITLES = {
    400: "受け付けられませんでした",
    401: "サインインしてください",
    403: "この操作は許されていません",
    404: "見つかりません",
    405: "この操作は受け付けていません",
    408: "時間がかかりすぎました",
    413: "送られたデータが大きすぎます",
    429: "回数が多すぎます",
    500: "呼鈴の中で問題が起きました",
    503: "いまは使えません",
}

ALLOWED = "あなたの役割では、この操作はできません。必要なときは、管理者に役割の変更を相談してください。"
MEANT = "この画面からの操作だと確かめられませんでした。画面を開き直して、もう一度操作してください。"
BEARER = "システム連携の鍵がないか、期限が切れたか、失効しています（Authorization: Bearer …）。"
MISSING = "ページか、その催告がありません。部署がちがう催告は表示されません。"
OVER = "サインインの時間が終わりました。もう一度サインインしてください。送った内容は保存されていません。"
OURS = "電話は影響を受けません。同じことが続くときは、システムの担当者に時刻を伝えてください。"


def handle(app: FastAPI) -> None:
    """Let the application answer errors so."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(IvrError, _said)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, broken)


async def said(request: Request, status: int, message: str, *, kind: str = "") -> Response:
    """Return an error as a page or as JSON."""
    if forms.wants_page(request):
        # Whoever sent a form is led back to it: what was typed may still be there.
        back = forms.came_from(request) if request.method not in forms.SAFE else None
        context = {"title": TITLES.get(status, TITLES[400]), "message": message, "back": back}
        return await pages.show(request, "error.html", context, status=status)
    return JSONResponse({"error": kind or _KINDS.get(status, "refused"), "message": message}, status)


_KINDS = {401: "sign_in", 403: "not_allowed", 404: "not_found", 405: "method", 413: "too_large", 500: "defect"}


async def broken(request: Request, error: Exception) -> Response:
    """Answer a defect of ours; its text may name a person, so the log gets its type and place."""
    log.error("console_defect", error=type(error).__name__, where=place(error))
    return await said(request, 500, OURS)


async def _refused(request: Request, error: Exception) -> Response:
    match error:
        case GoTo(path=path, why=why):
            if forms.wants_page(request):
                return RedirectResponse(path, 303)
            return JSONResponse({"error": why, "message": f"先に {path} を済ませてください。"}, 403)
        case SignInFirst():
            visit = await visit_of(request)
            over = isinstance(visit, Guest) and visit.over
            if not forms.wants_page(request) or request.method not in forms.SAFE:
                return await said(request, 401, OVER, kind="sign_in")
            response: Response = RedirectResponse(f"/sign-in?next={forms.quoted(request)}", 303)
            if over:
                pages.flash(request, response, "warning", OVER)
            return response
        case TokenFirst():
            response = await said(request, 401, BEARER, kind="token")
            response.headers["www-authenticate"] = "Bearer"
            return response
        case TooMany(again=again):
            response = await said(request, 429, f"回数が多すぎます。{again} 秒あとに試してください。", kind="too_many")
            response.headers["retry-after"] = str(again)
            return response
        case NotMeant():
            return await said(request, 403, MEANT, kind="not_meant")
        case _:
            return await said(request, 403, ALLOWED)


async def _said(request: Request, error: Exception) -> Response:
    match error:
        case NotFound():
            return await said(request, 404, str(error))
        case KeyDestroyed():
            return await said(request, 404, "この催告は消去されています。")
        case NotLetIn() | InputError():
            if forms.wants_page(request) and request.method not in forms.SAFE and (back := forms.came_from(request)):
                response = RedirectResponse(back, 303)
                pages.flash(request, response, "error", str(error), given=await forms.without_secrets(request))
                return response
            return await said(request, 400, str(error), kind="refused")
        case OwnError():
            log.error("console_failed", error=type(error).__name__, reason=str(error))
            return await said(request, 503, f"{error}{OURS}", kind="unavailable")
        case _:
            return await said(request, 503, str(error), kind="unavailable")


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    shown = pages.page_of(request.url.path)
    if status == 405 and request.method in forms.SAFE and forms.wants_page(request) and shown != request.url.path:
        # Typed, kept as a bookmark, or led to after signing in: the address of a page that answered a form.
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(forms.inner(shown + query), 303)
    response = await said(request, status, MISSING if status == 404 else TITLES.get(status, TITLES[400]))
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


async def _invalid(request: Request, _error: Exception) -> Response:
    return await said(request, 400, "送られた値の形が正しくありません。画面を開き直して、もう一度操作してください。")
