"""What comes in, as a form of a page or as JSON of a program; answers go out as a page or as JSON likewise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from starlette.responses import JSONResponse, RedirectResponse, Response

from ivr.errors import InputError
from ivr.web import multipart, pages
from ivr.web.multipart import UploadedFile

SAFE = pages.SAFE

FORM, JSON = "application/x-www-form-urlencoded", "application/json"

CSRF = "csrf"
"""The field, and with X- and -token the header, that proves that one of our pages sends a request."""

MOST_FIELDS = 300
LONGEST_AGAIN = 500
"""Characters of a field that is shown in its form again: more than the address of a webhook may have."""
SECRETS = ("password", "again", "code", "seed", "key", "current")
"""What these are in the names of fields is shown to nobody again."""

_Model = TypeVar("_Model", bound="Given")

Fields = Mapping[str, list[str]]


class Given(BaseModel):
    """What a request brings; strings lose the blanks around them, and a blank of full width is a blank."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True, str_max_length=2_000)

    @field_validator("*", mode="before")
    @classmethod
    def _blanks(cls, value: Any, info: ValidationInfo) -> Any:
        # Whoever writes Japanese types no other; but a password is what it is, and so is a text that keeps its blanks.
        kept = not cls.model_config.get("str_strip_whitespace") or any(
            one in (info.field_name or "") for one in SECRETS
        )
        return value if kept or not isinstance(value, str) else value.replace("\u3000", " ")


class Done(BaseModel):
    """What came of an action, for programs."""

    message: str


def wants_page(request: Request) -> bool:
    """Tell whether a browser asks, which wants a page; a program gets JSON."""
    return "text/html" in request.headers.get("accept", "")


async def fields(request: Request) -> Fields:
    """Return the fields that a request brings by name, whether it is a form or JSON; InputError."""
    known: Fields | None = getattr(request.state, "fields", None)
    if known is None:
        known = request.state.fields = await _read(request)
    return known


async def file_of(request: Request) -> UploadedFile | None:
    """Return the file that a request brings, None where it brings none; InputError."""
    await fields(request)
    found: UploadedFile | None = getattr(request.state, "file", None)
    return found


async def _read(request: Request) -> Fields:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == multipart.KIND:
        given, request.state.file = await multipart.read(request)
        return given
    body = await request.body()
    if not body:
        return {}
    try:
        if kind == FORM:
            return parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        if kind == JSON:
            held = json.loads(body)
            if isinstance(held, dict):
                return {name: value if isinstance(value, list) else [value] for name, value in held.items()}
    except (ValueError, RecursionError):
        pass
    raise InputError("送られた内容を読めません。")


async def read(request: Request, model: type[_Model]) -> _Model:
    """Return what a request brings as `model`; InputError names the fields that are not as they should be."""
    given = await fields(request)
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in given:
            several = get_origin(field.annotation) in (list, tuple, frozenset)
            values[name] = given[name] if several else given[name][-1] if given[name] else ""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = dict.fromkeys(str(one["loc"][0]) if one["loc"] else "" for one in error.errors())
        names = "、".join(
            f"「{model.model_fields[name].title or name}」" for name in wrong if name in model.model_fields
        )
        raise InputError(f"{names or '入力'}を確かめてください。") from None


def takes(model: type[Given]) -> dict[str, Any]:
    """Return what OpenAPI says of a route that reads `model`."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in (JSON, FORM)}}}


def done(request: Request, message: str, *, back: str) -> Response:
    """Return that an action is done: to a browser the page `back`, with the message on it."""
    if not wants_page(request):
        return JSONResponse(Done(message=message).model_dump())
    response = RedirectResponse(back, 303)
    pages.flash(request, response, "success", message)
    return response


async def without_secrets(request: Request) -> dict[str, list[str]]:
    """Return what a form brought, fit to be shown in it again."""
    given = await fields(request)
    return {
        name: [str(value)[:LONGEST_AGAIN] for value in values][:60]
        for name, values in given.items()
        if name != CSRF and not any(secret in name for secret in SECRETS)
    }


def inner(path: str) -> str:
    """Return `path` where it is one of ours, else the first page: nobody is led elsewhere by a link to us."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else "/"


def an_id(text: str) -> str:
    """Return `text` where it may be an id of ours, else one that nothing has: not every database bears any text."""
    return text if re.fullmatch(r"[0-9a-f]{32}", text) else "-"


def attachment(name: str) -> dict[str, str]:
    """Return the headers of a file that a browser keeps under `name`. Source: RFC 6266."""
    kept = re.sub(r'[\\/:*?"<>|\s]+', "_", name)
    plain = f'filename="yobirin{Path(kept).suffix}"'
    return {"content-disposition": f"attachment; {plain}; filename*=UTF-8''{quote(kept)}"}


def quoted(request: Request) -> str:
    """Return the path that was asked for, fit for a query."""
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(f"{request.url.path}{query}", safe="")


def came_from(request: Request) -> str | None:
    """Return the page of ours that a form was sent from."""
    told = urlsplit(request.headers.get("referer", ""))
    if told.netloc != request.headers.get("host") or not told.path:
        return None
    return inner(pages.page_of(told.path) + (f"?{told.query}" if told.query else ""))
