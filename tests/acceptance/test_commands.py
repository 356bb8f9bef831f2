"""The command line, from the list to the results."""
from __future__ import annotations
import json

from tests.acceptance.far_end import *
from tests.acceptance.office import Office

def test_x(office: Office, far_end: FarEnd) -> None:
    numbers = [far_end.number(k) for k in (CONFIRMS, BY_INFO, INBAND, PRESSES_MUCH, HANGS_UP, BUSY, SILENT)]
    office.people(numbers)
    said = office.run().ended(90)
    print(said.out, said.err)
    print(json.dumps([(p["outcome"],len(p["attempts"])) for p in office.results()]))
    print(far_end.dials(numbers))
    print(office.logs().keys())
