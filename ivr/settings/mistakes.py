"""What is said of a mistake in the settings."""

from __future__ import annotations

import re
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ivr import yaml_source


def echo(error: ErrorDetails) -> bool:
    """Tell whether a list is only called too short because all its items are wrong."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def message(error: ErrorDetails, root: type[BaseModel]) -> str:
    """Return in words for people what is wrong; `root` is the model that was validated."""
    context = error.get("ctx", {})
    where = tuple(error["loc"])
    match error["type"]:
        case "wrong":
            return error["msg"]
        case "extra_forbidden":
            return unknown(where, root)
        case "missing":
            return f"「{where[-1]}」がありません。"
        case "literal_error":
            choices = str(context["expected"]).replace(" or ", ", ").replace("'", "")
            hint = yaml_source.suggestion(str(error["input"]), choices.split(", "))
            return f"{_shown(error)}は選べません。次のどれかを書いてください: {choices}。{hint}"
        case "int_type" | "int_parsing" | "int_from_float" | "float_type" | "float_parsing" | "finite_number":
            return f"{_shown(error)}ではなく、{'整数' if 'int' in error['type'] else '数'}を書いてください。"
        case "bool_type" | "bool_parsing":
            return f"{_shown(error)}ではなく、true か false を書いてください。"
        case "string_type" | "path_type":
            return f"{_shown(error)}ではなく、文字を書いてください。数字だけの値は引用符で囲んでください。"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"「{where[-1]}」の下に、項目を一段下げて書いてください。"
        case "tuple_type":
            return f"「{where[-1]}」は、[a, b] のように並べて書いてください。"
        case "string_pattern_mismatch" if where[-1] == "url":
            return "http:// か https:// で始まる URL を書いてください。利用者名やパスワードは書けません。"
        case "too_short":
            return f"「{where[-1]}」には、{context['min_length']} つ以上書いてください。"
        case "too_long":
            return f"「{where[-1]}」に書けるのは {context['max_length']} つまでです。"
        case "greater_than_equal":
            return f"「{where[-1]}」は {context['ge']} 以上にしてください。"
        case "greater_than":
            return f"「{where[-1]}」は {context['gt']} より大きくしてください。"
        case "less_than_equal":
            return f"「{where[-1]}」は {context['le']} 以下にしてください。"
        case _:
            return f"値が正しくありません（{error['msg']}）。"


def _shown(error: ErrorDetails) -> str:
    value = error["input"]
    return f"「{value}」" if isinstance(value, str | int | float) and len(str(value)) <= 40 else "この値"


def unknown(where: yaml_source.Where, root: type[BaseModel]) -> str:
    """Return what to say of a key that no section below `root` has."""
    model = root
    for part in where[:-1]:
        model = _section(model, part) or model
    known = [field.alias or name for name, field in model.model_fields.items()]
    key = str(where[-1])
    if re.search(r"passw|secret|token", key, re.IGNORECASE):
        files = "、".join(name for name in known if name.endswith("_file")) or "…_file"
        return f"「{key}」という設定はありません。秘密の文字列はファイルに入れ、{files} で指定してください。"
    hint = yaml_source.suggestion(key, known) or f"使えるのは {'、'.join(known)} です。"
    return f"「{key}」という設定はありません。{hint}"


def _section(model: type[BaseModel], part: str | int) -> type[BaseModel] | None:
    """Return the model of the field `part` of `model`, of its items if it is a list."""
    if isinstance(part, int) or part not in model.model_fields:
        return None
    kind = model.model_fields[part].annotation
    kinds = (kind, *get_args(kind))
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)), None)
