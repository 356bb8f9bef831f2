"""The JSON Schema of a scenario file, with which editors complete and check as one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.scenario_files.fields import MOST_STEPS, NAME, OF_CALLS, SCENARIO, STEPS, TEXT, Field


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 07, which editors' YAML plug-ins know). What the graph needs is left to `check`."""
    schema = _object("自動音声電話のシナリオ", SCENARIO)
    schema["properties"]["steps"] |= {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MOST_STEPS,
        "propertyNames": {"pattern": f"^{NAME}$", "not": {"enum": ["end", "screening"]}},
        "additionalProperties": {"oneOf": [_object(kind, fields) for kind, fields in STEPS.items()]},
    }
    schema["properties"]["text"] |= {"anyOf": [SCENARIO["text"].schema["anyOf"][0], _object("text", TEXT)]}
    schema["anyOf"] = [{"required": [*OF_CALLS]}, {"required": ["text"], "properties": dict.fromkeys(OF_CALLS, False)}]
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}


def _object(title: str, fields: Mapping[str, Field]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
        "properties": {name: {"description": field.about, **field.schema} for name, field in fields.items()},
    }
