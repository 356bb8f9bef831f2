"""From the values of a YAML file to the steps of a scenario; what can't be read is reported and left at its default."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from ivr import yaml_source
from ivr.domain.scenario import END, KEYS, SCREENING, Ask, Leave, Say, Scenario, Step
from ivr.domain.sms import LONGEST, Template, units
from ivr.domain.template import TOKEN
from ivr.errors import Problem
from ivr.scenario_files.fields import (
    LANGUAGES,
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_STEPS,
    NAME,
    OF_CALLS,
    OPENINGS,
    SCENARIO,
    STEPS,
    TEXT,
    TIMES,
    VERSION,
    WAIT,
    Field,
)
from ivr.yaml_source import Document, Value, Where, suggestion

_ELSEWHERE = {
    ("ask", "then"): "進み先は keys と silence に書きます。",
    ("leave", "then"): "leave の後は電話を切るので、進み先はありません。",
    ("leave", "reached"): "留守番電話に残しても「伝わった」とはしません。",
}


class Reader:
    """Reads one document. `graph_known` turns false when something unread may hide a way between steps."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.graph_known = True
        self._document = document
        self._problems = problems

    def scenario(self) -> Scenario | None:
        """Return the scenario as far as it could be read, None where there are no steps at all."""
        root = self._document.value
        if not isinstance(root, dict):
            self._report((), "シナリオは「項目名: 値」の形で書いてください（version、title、start、steps）。")
            return None
        self._known_keys((), root, SCENARIO)
        if "version" in root and (root["version"] != VERSION or isinstance(root["version"], bool)):
            self._report(("version",), f"version は {VERSION} と書いてください。")
        if "text" in root and not any(key in root for key in OF_CALLS):
            return self._of_a_text(root)
        for key in OF_CALLS:
            if key not in root:
                self.graph_known = False
                self._report((), f"「{key}」（{SCENARIO[key].about}）がありません。")
        steps = root.get("steps")
        if not isinstance(steps, dict) or not steps:
            if "steps" in root:
                self._report(("steps",), "steps の下に、ステップを一段下げて書いてください。")
            return None
        if len(steps) > MOST_STEPS:
            self._report(("steps",), f"ステップが {len(steps)} あります。{MOST_STEPS} までにしてください。")
            return None
        start = self._name((), root, "start") or next(iter(steps))
        found = {name: self._step(("steps", name), name, value) for name, value in steps.items()}
        if "screening" in root:
            found[SCREENING] = Say(name=SCREENING, text=self._text((), root, "screening"), then=start)
        return Scenario(
            title=self._line((), root, "title", LONGEST_TITLE) or "",
            start=start,
            language=self._language((), root) or "ja",
            steps=found,
            listens=self._listens(root, found.get(start)),
            text=self._template(root["text"]) if "text" in root else None,
        )

    def _of_a_text(self, root: dict[str, Value]) -> Scenario:
        """Return a scenario that calls nobody."""
        for key in ("opening", "screening"):
            if key in root:
                self._report((key,), f"「{key}」は電話のためのものです。SMS だけのシナリオには書けません。")
        return Scenario(
            title=self._line((), root, "title", LONGEST_TITLE) or "",
            start=END,
            language=self._language((), root) or "ja",
            steps={},
            text=self._template(root["text"]),
        )

    def _template(self, value: Value) -> Template:
        if not isinstance(value, dict):
            return Template(body=self._sms((), {"text": value}, "text"))
        self._known_keys(("text",), value, TEXT)
        return Template(
            body=self._sms(("text",), value, "body"), url=self._line(("text",), value, "url", LONGEST_TITLE) or ""
        )

    def _sms(self, at: Where, value: dict[str, Value], key: str) -> str:
        found = self._text(at, value, key).strip()
        if units(found) > LONGEST:
            self._report((*at, key), f"SMS の文章が長すぎます（{units(found)} 字。上限 {LONGEST} 字）。")
        return found

    def _listens(self, root: dict[str, Value], start: Step | None) -> bool:
        found = root.get("opening")
        if "opening" in root and found not in OPENINGS:
            self._report(("opening",), f"opening は {' か '.join(OPENINGS)} と書いてください。")
        return isinstance(start, Ask) if found is None else found == OPENINGS[0]

    def _step(self, at: Where, name: str, value: Value) -> Step:
        if name == END:
            self._report(at, f"「{END}」は電話を切ることを表す名前なので、ステップの名前には使えません。")
        elif name == SCREENING:
            self._report(
                at, f"「{SCREENING}」はステップの名前には使えません。steps の外に「{SCREENING}: 文章」と書きます。"
            )
        elif not re.fullmatch(NAME, name):
            self._report(at, f"ステップの名前「{name}」には、文字、数字、_、- だけを 40 字まで使えます。")
        kinds = [kind for kind in STEPS if isinstance(value, dict) and kind in value]
        if not isinstance(value, dict) or len(kinds) != 1:
            self._no_kind(at, name, value, kinds)
            return Leave(name=name, text="")
        (kind,) = kinds
        self._known_keys(at, value, STEPS[kind], kind)
        text = self._text(at, value, kind)
        mark = self._tag(at, value)
        language = self._language(at, value)
        match kind:
            case "say":
                return Say(
                    name=name,
                    text=text,
                    then=self._name(at, value, "then") or END,
                    reached=self._reached(at, value),
                    mark=mark,
                    language=language,
                )
            case "ask":
                return Ask(
                    name=name,
                    text=text,
                    keys=self._keys(at, value),
                    times=self._times(at, value),
                    wait=self._wait(at, value),
                    silence=self._name(at, value, "silence") or END,
                    reached=self._reached(at, value),
                    mark=mark,
                    language=language,
                )
            case _:
                return Leave(name=name, text=text, mark=mark, language=language)

    def _no_kind(self, at: Where, name: str, value: Value, kinds: list[str]) -> None:
        self.graph_known = False
        if not isinstance(value, dict):
            self._report(
                at, f"ステップ「{name}」の下に、say、ask、leave のどれかを一段下げて「say: 文章」の形で書いてください。"
            )
        elif kinds:
            self._report(
                at,
                f"ステップ「{name}」に {' と '.join(kinds)} があります。一つのステップには一つだけです。",
            )
        else:
            known = {name for fields in STEPS.values() for name in fields}
            hint = next((found for key in value if key not in known and (found := suggestion(key, STEPS))), "")
            self._report(at, f"ステップ「{name}」に say、ask、leave のどれもありません。{hint}")

    def _known_keys(self, at: Where, value: dict[str, Value], fields: Mapping[str, Field], kind: str = "") -> None:
        for key in value:
            if key in fields:
                continue
            self.graph_known = False
            others = [other for other, known in STEPS.items() if kind and key in known]
            if others:
                hint = _ELSEWHERE.get((kind, key), f"{'、'.join(others)} の項目です。")
                self._report((*at, key), f"{kind} のステップに「{key}」は書けません。{hint}")
            else:
                hint = suggestion(key, fields) or f"使えるのは {'、'.join(fields)} です。"
                self._report((*at, key), f"「{key}」という項目はありません。{hint}")
        for key, field in fields.items():
            if field.required and key not in value:
                self.graph_known = False
                self._report(at, f"「{key}」（{field.about}）がありません。")

    def _text(self, at: Where, value: dict[str, Value], kind: str) -> str:
        found = self._line(at, value, kind, LONGEST_TEXT)
        if found is None:
            return ""
        if (*at, kind) in self._document.cut:
            self._report(
                (*at, kind),
                "文章の途中に「 #」があり、そこから行末までは読まれません。# を読むなら、文章全体を引用符で囲むか"
                "「シャープ」と書いてください。覚え書きなら「。 # 覚え書き」のように書いてください。",
            )
        for token in TOKEN.finditer(found):
            if token[0] in "{}":
                self._report(
                    (*at, kind), "「{」と「}」が対になっていません。文字として読むなら「{{」「}}」と書いてください。"
                )
                break
            if token[1] is not None and not token[1].strip():
                self._report((*at, kind), "「{ }」の中に変数の名前がありません。")
        if full := re.search(r"｛([^｛｝]*)｝", found):
            self._report(
                (*at, kind), f"「{full[0]}」の括弧が全角です。変数なら半角で「{{{full[1].strip()}}}」と書いてください。"
            )
        return found

    def _line(self, at: Where, value: dict[str, Value], key: str, longest: int) -> str | None:
        """Return the text at `key`; None, reported, if it is none."""
        found = value.get(key)
        where = (*at, key)
        if key not in value:
            return None
        if isinstance(found, dict):
            self._report(
                where, f'「{key}」には文章を書いてください。「{{」で始まる文章は、引用符（" "）で囲んでください。'
            )
        elif not isinstance(found, str) and found is not None:
            self._report(
                where, f'「{key}」には文章を書いてください。数字などだけのときは、引用符（" "）で囲んでください。'
            )
        elif found is None or not found.strip():
            self._report(where, f"「{key}」の文章が空です。")
        elif len(found) > longest:
            self._report(where, f"「{key}」の文章が長すぎます（{len(found)} 字。上限 {longest} 字）。")
        else:
            return found
        return None

    def _name(self, at: Where, value: dict[str, Value], key: str) -> str | None:
        """Return the name of a step at `key`, as text; None if it is absent or, reported, no name."""
        if key not in value:
            return None
        found = value[key]
        if isinstance(found, str) and found.strip():
            return found
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        self.graph_known = False
        self._report((*at, key), f"「{key}」には、ステップの名前を一つ書いてください。")
        return None

    def _keys(self, at: Where, value: dict[str, Value]) -> dict[str, str]:
        where = (*at, "keys")
        found = value.get("keys", {})
        if not isinstance(found, dict) or ("keys" in value and not found):
            self.graph_known = False
            self._report(
                where,
                'keys には「"#": ステップの名前」の形でキーと進み先を書いてください。'
                "引用符のない # は、そこから後ろがコメントになります。",
            )
            return {}
        for key in found:
            if key not in tuple(KEYS):
                half = unicodedata.normalize("NFKC", key)
                hint = (
                    f"半角の「{half}」を書いてください。"
                    if half in tuple(KEYS)
                    else "0 から 9、*、# の一つを書いてください。"
                )
                self._report((*where, key), f"「{key}」というキーはありません。{hint}")
        targets = {key: self._name(where, found, key) for key in found}
        return {key: target for key, target in targets.items() if target is not None}

    def _times(self, at: Where, value: dict[str, Value]) -> int:
        found = value.get("times", 1)
        if isinstance(found, int) and not isinstance(found, bool) and TIMES[0] <= found <= TIMES[1]:
            return found
        self._report((*at, "times"), f"times は {TIMES[0]} から {TIMES[1]} までの整数で書いてください。")
        return 1

    def _wait(self, at: Where, value: dict[str, Value]) -> float:
        found = value.get("wait", "5s")
        seconds = yaml_source.seconds(found) if isinstance(found, str) else None
        if seconds is None:
            self._report((*at, "wait"), "wait は 5s や 500ms のように、単位を付けて書いてください。")
        elif not WAIT[0] <= seconds <= WAIT[1]:
            self._report((*at, "wait"), f"wait は {WAIT[0]:g}s から {WAIT[1]:g}s までで書いてください。")
        else:
            return seconds
        return 5.0

    def _reached(self, at: Where, value: dict[str, Value]) -> bool:
        found = value.get("reached", False)
        if isinstance(found, bool):
            return found
        self._report((*at, "reached"), "reached は true か false で書いてください。")
        return True

    def _tag(self, at: Where, value: dict[str, Value]) -> str | None:
        found = value.get("mark")
        if isinstance(found, str) and re.fullmatch(NAME, found):
            return found
        if "mark" in value:
            self._report((*at, "mark"), "mark には、文字、数字、_、- だけを 40 字まで使えます。")
        return None

    def _language(self, at: Where, value: dict[str, Value]) -> str | None:
        found = value.get("language")
        if isinstance(found, str) and found in LANGUAGES:
            return found
        if "language" in value:
            hint = _LANGUAGE_SLIPS.get(str(found).lower(), "")
            self._report((*at, "language"), f"language は ja、en、zh などの二文字（ISO 639-1）で書いてください。{hint}")
        return None

    def _report(self, at: Where, message: str) -> None:
        self._problems.append(self._document.problem(at, message))


_LANGUAGE_SLIPS = {
    word: f"「{code}」の間違いではありませんか。"
    for code, words in {
        "ja": "jp japanese 日本語",
        "zh": "cn chinese 中国語 zh-cn",
        "en": "us english 英語",
        "ko": "korean 韓国語",
    }.items()
    for word in words.split()
}
