"""A thousand campaigns made by chance."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.campaigns.cases import Case, cases
from tests.campaigns.judging import judge
from tests.campaigns.running import run


@pytest.mark.timeout(400)
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases)
def test_no_campaign_dials_whom_or_when_it_must_not_and_none_forgets_anybody(case: Case) -> None:
    judge(case, run(case))
