"""Step 3: the campaign's own rules, in a week of hours and a few numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from ivr.drafts import making, rules_form
from ivr.drafts.rules_form import DAY_LABELS
from ivr.web import forms
from ivr.web.console import console_of
from ivr.web.wizard import steps
from ivr.web.wizard.steps import Sent, Told, Work

page = APIRouter(include_in_schema=False)
api = APIRouter(tags=["drafts"])

FIELDS = (
    rules_form.CELLS,
    rules_form.ONE_CALL,
    rules_form.TEXT_AFTER,
    rules_form.TEXT_TRIES,
    *rules_form.NUMBERS,
)


class Rules(Sent):
    """The form, as it is written: what is wrong with it is said at its place, and it is kept."""

    cells: list[str] = Field(default_factory=list, title="時間帯", description="`mon-9` … `holiday-19`", max_length=200)
    total: str = Field(default="", max_length=20)
    per_day: str = Field(default="", max_length=20)
    no_answer_times: str = Field(default="", max_length=20)
    no_answer_after: str = Field(default="", max_length=20)
    busy_times: str = Field(default="", max_length=20)
    busy_after: str = Field(default="", max_length=20)
    one_call: bool = False
    text_after: list[str] = Field(default_factory=list, max_length=30)
    text_tries: str = Field(default="", max_length=20)
    office: bool = Field(default=False, description="As the settings have it, whatever else is said.")


@page.get("/campaigns/new/{draft_id}/rules")
async def rules_page(request: Request, work: Work) -> Response:
    """Show the rules, as the settings or somebody has filled them, with what is wrong at its place."""
    calling, draft = console_of(request).settings.calling, work.draft
    texts = making.has_texts(draft)
    raw = draft.rules if draft.rules is not None else rules_form.defaults(calling)
    office = rules_form.cells_of(calling.windows)
    context = {
        "raw": raw,
        "wrong": rules_form.read(calling, raw, texts=texts).wrong if draft.rules is not None else {},
        "days": [(day, label) for day, label in DAY_LABELS.items() if any(one.startswith(day) for one in office)],
        "hours": rules_form.hours_of(calling),
        "office": office,
        "numbers": rules_form.NUMBERS,
        "least": rules_form.LEAST,
        "most": rules_form.MOST,
        "texts": texts,
        "text_choices": rules_form.TEXT_CHOICES,
        "defaults": rules_form.defaults(calling),
    }
    return await steps.show(request, work, "rules", context)


@api.post("/drafts/{draft_id}/rules", response_model=Told, openapi_extra=forms.takes(Rules))
async def save(request: Request, work: Work) -> Response:
    """Keep the rules as they were written, right or wrong."""
    given = await forms.read(request, Rules)
    calling = console_of(request).settings.calling
    sent = given.model_dump(include=set(FIELDS))
    raw = {
        name: (["true"] if value else []) if isinstance(value, bool) else value if isinstance(value, list) else [value]
        for name, value in sent.items()
    }
    if given.office:
        raw = rules_form.defaults(calling)
    async with steps.changing(request, work, given.version) as draft:
        wrong = rules_form.read(calling, raw, texts=making.has_texts(draft)).wrong
        changed = await steps.put(request, work, draft.model_copy(update={"rules": raw}))
    if wrong:
        return steps.done(
            request,
            changed,
            "rules",
            f"直すところが {len(wrong)} か所あります。書いた内容は残っています。",
            kind="error",
        )
    if given.office:
        return steps.done(request, changed, "rules", "役所の設定のとおりに戻しました。")
    return steps.done(request, changed, "forecast", "規則を保存しました。")
