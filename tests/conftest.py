"""Tests that start a PBX run one after another on one worker: two cores carry one PBX pair and its timing.

The marks must be there before xdist reads them, which it does in a hook of the same name.
"""

from pathlib import Path

import pytest

ACCEPTANCE = Path(__file__).parent / "acceptance"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ACCEPTANCE):
            item.add_marker(pytest.mark.xdist_group("pbx"))
