"""What is wrong, or doubtful, with the text (SMS) of a scenario."""

from __future__ import annotations

from collections.abc import Collection

from ivr.domain.sms import OFFICE, OFFICE_PHONE, URL, Template, leads_to, links, odd_characters
from ivr.domain.template import fixed, variables
from ivr.domain.wording import telling
from ivr.errors import Problem
from ivr.yaml_source import Document, Where, suggestion

NEEDED = {OFFICE: "役所と課の名前", OFFICE_PHONE: "お問い合わせの電話番号"}
"""Without these nobody can tell who has written, and ring back: a common number (0005…) takes no calls."""


def check_text(
    document: Document,
    template: Template,
    columns: Collection[str] | None,
    domains: Collection[str] | None,
    errors: list[Problem],
    warnings: list[Problem],
) -> None:
    """Add what is wrong with `template` to `errors`, what is doubtful to `warnings`.

    `columns` are those of the list, `domains` the municipality's own; None: not known here.
    """
    in_parts = isinstance(document.value, dict) and isinstance(document.value.get("text"), dict)
    at: Where = ("text", "body") if in_parts else ("text",)
    used = variables(template.body)
    for name, what in NEEDED.items():
        if name not in used:
            errors.append(document.problem(at, f"SMS の文章に {{{name}}}（{what}）を入れてください。"))
    if (URL in used) != bool(template.url):
        message = "SMS の url と、文章の {url} は、両方書くか、どちらも書かないでください。"
        errors.append(document.problem(at, message))
    elif template.url and not leads_to(template.url, domains if domains is not None else [_host(template.url)]):
        message = (
            "url には、役所のドメイン（設定 texts.domains）の https:// で始まる URL だけを書けます。"
            "短縮 URL は使えません。"
        )
        errors.append(document.problem(("text", "url"), message))
    if astray := links(fixed(template.body)):
        message = (
            f"文章の中に「{astray[0]}」があります。携帯電話でリンクになるものは、文章には {{url}} とだけ書き、"
            "行き先を url に書いてください。役所のドメインの https:// だけが書けます。"
        )
        errors.append(document.problem(at, message))
    if columns is not None:
        known = {"kana", "id", "phone", *columns, OFFICE, OFFICE_PHONE, URL}
        for name in used:
            if name not in known:
                hint = suggestion(name, known) or f"使えるのは {'、'.join(sorted(known))} です。"
                errors.append(document.problem(at, f"名簿に「{name}」という列がありません。{hint}"))
    if odd := odd_characters(fixed(template.body)):
        told = "、".join(
            f"{one.character}（{one.instead} と書けます）" if one.instead else one.character for one in odd
        )
        warnings.append(document.problem(at, f"携帯電話会社によって表示できない文字があります：{told}。"))
    if words := telling(fixed(template.body)):
        message = (
            f"SMS の文章に「{'」「'.join(words)}」があります。"
            "その電話を手にした、本人以外の人に知られるおそれがあります。"
        )
        warnings.append(document.problem(at, message))


def _host(url: str) -> str:
    return url.removeprefix("https://").partition("/")[0]
