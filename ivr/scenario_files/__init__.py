"""Scenario files: YAML -> Scenario, with every mistake at once, each with its file and line.

`read`, `parse` and `of` give a scenario that may be dialled with, or raise; `check` also warns and asks the voice and
the list; `json_schema` is for editors. The format is in docs/scenarios.md.
"""

from ivr.domain.drawing import mermaid
from ivr.scenario_files.checking import Report, check, example_values, parse, read, text_of
from ivr.scenario_files.schema import json_schema
from ivr.scenario_files.stored import of, prepare

__all__ = ["Report", "check", "example_values", "json_schema", "mermaid", "of", "parse", "prepare", "read", "text_of"]
