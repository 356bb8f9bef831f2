"""The wizard's first step: files of every kind, columns told by hand, what is refused."""

from __future__ import annotations

import pytest

from tests.web.browsers import ORIGIN, PAGE, Office
from tests.web.drafting import HEADER, LISTED, SHORT, api, begun, sent, version


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04" + b"0" * 100, "Excel ブック（xlsx）です"),
        (b"%PDF-1.7", "PDF です"),
        ("名前,住所\n山田,目黒\n".encode(), "見出し"),
        (HEADER.encode(), "かけられる人がいません"),
        (b"\xff\xfe\x00\x00" * 50, "見出し"),
        ((HEADER + "1,ヤマダ,03-5722-0001,,,,余分\n").encode(), "列の数が見出しと合いません"),
    ],
    ids=["xlsx", "pdf", "headings", "nobody", "noise", "columns"],
)
async def test_a_wrong_file_is_said_what_is_wrong_with_and_another_takes_its_place(
    at: Office, content: bytes, said: str
) -> None:
    clerk = await at.signed_in("hanako")
    await clerk.get("/campaigns/new")
    answer = await clerk.upload("/api/v1/drafts", content)
    page = (await clerk.get(answer.headers["location"])).text
    assert said in page
    assert "次へ" not in page
    assert (
        (await clerk.get(answer.headers["location"].replace("/list", "/scenario")))
        .headers["location"]
        .endswith("/list")
    )
    at_ = answer.headers["location"].removesuffix("/list")
    again = await clerk.upload(f"{api(at_)}/list", LISTED.encode(), values={"version": version(page)})
    assert "2 人にかけられます" in (await clerk.get(again.headers["location"])).text


async def test_no_file_and_too_big_a_file_are_refused_in_words(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = await at.signed_in("hanako")
    await clerk.get("/campaigns/new")
    answer = await clerk.upload("/api/v1/drafts", b"", "")
    assert "名簿のファイルを選んでください" in answer.text
    monkeypatch.setattr("ivr.web.multipart.LARGEST_FILE", 1000)
    answer = await clerk.upload("/api/v1/drafts", b"x" * 2000)
    assert (answer.status_code, "大きすぎます" in answer.text) == (400, True)
    headers = {"origin": ORIGIN, "x-csrf-token": clerk.csrf} | PAGE
    answer = await clerk.client.post("/api/v1/drafts", content=b"x" * 70_000, headers=headers)
    assert answer.status_code == 400
    answer = await clerk.client.post("/api/v1/people", content=b"x" * 70_000, headers=headers)
    assert answer.status_code == 413, "elsewhere a body stays small"
    assert await at.console.drafts.of(at.departments["税務課"].id, at.clock.now()) == ()


async def test_more_rows_than_fit_are_refused_with_their_number(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.drafts.uploaded.MOST_ROWS", 3)
    clerk = await at.signed_in("hanako")
    draft = await begun(clerk)
    assert "4 行あります。一度に読み込めるのは 3 行まで" in (await clerk.get(f"{draft}/list")).text


async def test_columns_that_are_not_known_are_told_by_the_clerk_who_sees_them_masked(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await begun(
        clerk, "番号,なまえ,れんらく先\n0001,ヤマダ タロウ,03-5722-0001\n0002,サトウ ハナコ,03-5722-0002\n"
    )
    page = (await clerk.get(f"{draft}/list")).text
    assert "れんらく先" in page
    assert "ヤ●● タ●●" in page
    assert "******0001" in page
    assert "タロウ" not in page
    assert "35722" not in page
    page = await sent(clerk, draft, "list", "columns", {"roles": ["id", "kana", ""]})
    assert "「電話番号」がどの列か、選んでください" in page
    page = await sent(clerk, draft, "list", "columns", {"roles": ["id", "kana", "kana"]})
    assert "「カナ氏名」が 2 列目と 3 列目に選ばれています" in page
    assert page.count('<option value="kana" selected>') == 2, "what was chosen is still chosen"
    page = await sent(clerk, draft, "list", "columns", {"roles": ["id", "kana", "phone"]})
    assert "2 人にかけられます" in page


async def test_a_list_without_headings_is_taken_from_its_first_row(at: Office) -> None:
    clerk = await at.signed_in("hanako")
    draft = await begun(clerk, "0001;ヤマダ タロウ;03-5722-0001\n0002;サトウ ハナコ;03-5722-0002\n")
    page = (await clerk.get(f"{draft}/list")).text
    assert "タロウ" not in page
    assert 'name="no_header" value="true" checked' in page
    page = await sent(clerk, draft, "list", "columns", {"roles": ["id", "kana", "phone"], "no_header": "true"})
    assert "2 人にかけられます" in page


async def test_code_and_formulas_in_names_stay_what_they_are(at: Office) -> None:
    evil = "<script>alert(1)</script>"
    clerk = await at.signed_in("hanako")
    listed = f"宛名番号,カナ氏名,電話番号,{evil}\n0001,ヤマダ,03-5722-0001,{evil}\n=1+1,{evil},03-5722-0002,=cmd\n"
    draft = await begun(clerk, listed, f"{evil}.csv")
    for step in ("list", "scenario"):
        page = (await clerk.get(f"{draft}/{step}")).text
        assert evil not in page
    assert "&lt;script&gt;" in page or "script" in page
    await sent(clerk, draft, "scenario", "scenario", {"key": SHORT})
    page = await sent(clerk, draft, "overview", "create", {"name": evil})
    assert evil not in page
    from ivr.drafts.uploaded import refused_csv

    lines = refused_csv(((3, '=HYPERLINK("http://x")'), (4, "@x"), (5, "ふつう"))).decode("utf-8-sig").splitlines()
    assert [line.partition(",")[2].lstrip('"')[:1] for line in lines[1:]] == ["'", "'", "ふ"]
