"""What becomes of a draft: who sees it, two at once, how long it stays, that nobody can read it on the disk."""

from __future__ import annotations

import os
from pathlib import Path

from ivr.domain.authority import Role
from ivr.drafts.kept import MOST
from tests.web.browsers import ORIGIN, Office
from tests.web.drafting import HEADER, LISTED, api, begun, filled, ready, version


async def test_a_draft_outlives_signing_out_and_a_new_process_and_is_the_departments(
    at: Office, tmp_path: Path
) -> None:
    clerk = await at.signed_in("hanako")
    draft = await ready(clerk)
    await clerk.post("/sign-out")
    colleague = await at.signed_in("jiro")
    assert "hanako" in (await colleague.get("/campaigns/new")).text
    page = (await colleague.get(f"{draft}/scenario")).text
    assert "2 行目　ヤ●● タ●●" in page
    stranger = await at.signed_in("saburo", department="国保年金課")
    assert "meibo.csv" not in (await stranger.get("/campaigns/new")).text
    answers = [
        await stranger.get(one) for one in (f"{draft}/list", f"/campaigns/new/{'0' * 32}/list", "/campaigns/new/x/list")
    ]
    assert {one.status_code for one in answers} == {404}
    assert len({one.text for one in answers}) == 1
    for action in ("create", "discard", "rules", "columns", "scenario"):
        assert (await stranger.call(f"{api(draft)}/{action}", {"name": "催告"})).status_code == 404
    chief = await at.signed_in("kacho", Role.APPROVER)
    assert (await chief.get(f"{draft}/list")).status_code == 403
    again = type(at.console.drafts)(at.console.settings.data_dir, at.console.results.sealing.fields)
    (kept,) = await again.of(at.departments["税務課"].id, at.clock.now())
    assert (kept.people, kept.scenario is not None) == (2, True)


async def test_what_two_clerks_do_at_once_is_not_overwritten_unseen(at: Office) -> None:
    clerk, colleague = await at.signed_in("hanako"), await at.signed_in("jiro", display="鈴木 次郎")
    draft = await ready(clerk)
    mine = (await clerk.get(f"{draft}/rules")).text
    theirs = (await colleague.get(f"{draft}/rules")).text
    values = filled(theirs) | {"version": version(theirs), "total": "7"}
    await colleague.post(f"{api(draft)}/rules", values)
    values = filled(mine) | {"version": version(mine), "total": "9"}
    await clerk.post(f"{api(draft)}/rules", values, referer=f"{ORIGIN}{draft}/rules")
    page = (await clerk.get(f"{draft}/rules")).text
    assert "鈴木 次郎 さんが、この作りかけの催告を先に変えました" in page
    assert 'name="total" inputmode="numeric" autocomplete="off" maxlength="6" value="7"' in page
    page = (await clerk.get(f"{draft}/overview")).text
    await colleague.upload(f"{api(draft)}/list", (HEADER + "9,ヤマダ,03-5722-0009,\n").encode())
    await clerk.post(f"{api(draft)}/create", {"version": version(page), "name": "催告"})
    assert await at.console.results.campaigns() == (), "nobody is called whom the clerk has not seen"


async def test_nobody_of_a_list_can_be_read_on_the_disk_and_old_drafts_go(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await begun(clerk)
    folder = at.console.settings.data_dir / "drafts"
    files = list(folder.glob("*/*"))
    assert {file.name for file in files} == {"draft", "list", "refused"}
    assert not any("ヤマダ".encode(code) in file.read_bytes() for file in files for code in ("utf-8", "cp932"))
    fields = at.console.results.sealing.fields
    draft_id = draft.rpartition("/")[2]
    assert fields.known(draft_id)
    at.clock.forward(days=8)
    await clerk.sign_in("hanako")
    assert "作りかけの催告はありません" in (await clerk.get("/campaigns/new")).text
    assert list(folder.iterdir()) == []
    assert not fields.known(draft_id), "its key is gone, and with it every copy"


async def test_what_nobody_comes_back_to_is_swept_away(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    await begun(clerk)
    drafts, folder = at.console.drafts, at.console.settings.data_dir / "drafts"
    await drafts.sweep(at.clock.now())
    assert len(list(folder.iterdir())) == 1
    half = folder / ("0" * 32)
    half.mkdir()
    os.utime(half, (0, 0))
    await drafts.sweep(at.clock.now())
    assert not half.exists(), "a crash left it"
    at.clock.forward(days=8)
    await drafts.sweep(at.clock.now())
    assert list(folder.iterdir()) == []


async def test_a_department_has_so_many_drafts_and_lets_go_of_them(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    drafts = [await at.draft("税務課") for _ in range(MOST)]
    await clerk.get("/campaigns/new")
    assert "作りかけの催告が 30 件あります" in (await clerk.upload("/api/v1/drafts", LISTED.encode())).text
    assert (await clerk.post(f"/api/v1/drafts/{drafts[0]}/discard")).headers["location"] == "/campaigns/new"
    assert (await clerk.get(f"/campaigns/new/{drafts[0]}/list")).status_code == 404
    assert (await clerk.upload("/api/v1/drafts", LISTED.encode())).status_code == 303
