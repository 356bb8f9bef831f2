"""日報 and 月報 as PDFs: parsed, since what a PDF says is what a reader finds in it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from ivr.campaign.figures import Dials, Period
from ivr.campaign.records import CampaignRow
from ivr.desk import periods
from ivr.domain.outcome import Outcome
from ivr.errors import OwnError
from ivr.reporting import Made, Paper, Unit, paper, pdf, period_report, save_pdf, typeface
from ivr.reporting.paper import shown

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 28, 14, 5, tzinfo=TOKYO)
ODD = "髙﨑 𠮷野家 😀 =1+1 #strong[x] $x$ @ref \\ */ \u202e" + "ABCDEFGHIJ" * 10


def period(name: str, days: int = 3) -> Period:
    """Return a campaign that dialled at ten o'clock on some days."""
    at = [NOW.replace(hour=10, minute=0) - timedelta(days=one) for one in range(days)]
    campaign = CampaignRow(
        id=name, name=name, state="running", scenario="", scenario_file="annai.yaml", created_at=NOW, rules={}
    )
    return Period(
        campaign=campaign,
        quarters={
            **{(one, Outcome.CONFIRMED): Dials(number=600, answered=600, proven=0) for one in at},
            **{(one, Outcome.BUSY): Dials(number=400, answered=0, proven=0) for one in at},
        },
        settled={(one, Outcome.CONFIRMED, False): 600 for one in at},
        texts={},
    )


def laid_out(names: Sequence[str], unit: Unit = Unit.DAY, by: str = "佐藤 花子") -> Paper:
    found = period_report(date(2026, 11, 28), [period(name) for name in names], zone=TOKYO, unit=unit)
    return paper(found, Made(by=by, department="税務課", at=NOW))


def made(report: Paper) -> bytes:
    binary = io.BytesIO()
    save_pdf(binary, report)
    return binary.getvalue()


@pytest.fixture(scope="module")
def month() -> PdfReader:
    """A 月報 of so many campaigns that its tables go over several pages."""
    return PdfReader(io.BytesIO(made(laid_out([ODD, *(f"催告 {at}" for at in range(60))]))))


def test_it_says_what_the_report_says(month: PdfReader) -> None:
    text = "".join(page.extract_text() for page in month.pages)
    for words in ("月報　令和8年11月", "令和8年度", "税務課", "佐藤 花子", "途中の数字です（14:05 現在）", "課長"):
        assert words in text, words
    for section in laid_out(["住民税"]).sections:
        assert section.title in text
        assert all(re.sub("（", "\n（", heading) in text or heading in text for heading in section.headings)
    assert f"{61 * 3 * 1000:,}" in text, "the dials of all"
    assert "令和8年11月26日（木）" in text
    assert "60.0%" in text
    assert "つながりやすい曜日と時間" in text
    assert "催告 59" in text


def test_it_is_tagged_titled_and_of_one_embedded_typeface(month: PdfReader) -> None:
    root = month.trailer["/Root"]
    assert month.metadata is not None
    assert (month.metadata.title, month.metadata.author) == ("月報　令和8年11月", "佐藤 花子")
    assert str(root["/Lang"]).startswith("ja")
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"], "PDF/UA asks for it"
    assert b"pdfuaid" in root["/Metadata"].get_data()
    headings = [one.title for one in month.outline if not isinstance(one, list)]
    assert headings == [section.title for section in laid_out(["x"]).sections] + ["つながりやすい曜日と時間"]
    fonts = {
        font.get_object()["/BaseFont"].partition("+")[2]
        for page in month.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts == {"BIZUDPGothic-Regular", "BIZUDPGothic-Bold"}
    assert {(round(page.mediabox.width), round(page.mediabox.height)) for page in month.pages} == {(595, 842)}, "A4"


def test_every_page_is_numbered_and_a_table_has_its_head_on_each(month: PdfReader) -> None:
    texts = [page.extract_text() for page in month.pages]
    assert len(texts) > 3
    for number, text in enumerate(texts, 1):
        assert f"{number} / {len(texts)}" in text
        if re.search(r"^催告 \d+", text, re.MULTILINE):
            assert "本人確認" in text or "取消" in text


def test_a_name_is_shown_as_it_is_and_what_the_typeface_lacks_as_a_mark(month: PdfReader) -> None:
    text = re.sub(r"[\u200b\n]", "", "".join(page.extract_text() for page in month.pages))
    assert "髙﨑 〓野家 〓 =1+1 #strong[x] $x$ @ref \\ */" in text
    assert "ABCDEFGHIJ" * 10 in text
    assert "「〓」は、この書体にない文字です。" in text


def test_the_same_report_is_the_same_file() -> None:
    assert made(laid_out(["住民税"], Unit.HOUR)) == made(laid_out(["住民税"], Unit.HOUR))
    assert made(laid_out(["住民税"], Unit.HOUR)) != made(laid_out(["住民税"], Unit.HOUR, by="鈴木"))


def test_a_day_without_campaigns_says_so() -> None:
    text = PdfReader(io.BytesIO(made(laid_out([], Unit.HOUR)))).pages[0].extract_text()
    assert "この日は、電話も SMS もありません。" in text
    assert "発信" not in text


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("髙﨑德 鷗 ㈱ ①", "髙﨑德 鷗 ㈱ ①"),
        ("𠮷田", "〓田"),
        ("辻\U000e0100 神\ufe00", "辻 神"),
        ("か\u3099は\u309a", "がぱ"),
        ("a\tb\nc\u2028d", "a b c d"),
        ("\u202e逆\u200b", "逆"),
        ("😀👨‍👩", "〓〓〓"),
    ],
)
def test_only_what_can_be_drawn_is_drawn(text: str, drawn: str) -> None:
    assert typeface.drawable(text) == drawn


def test_every_kanji_of_everyday_has_a_shape() -> None:
    kanji = [bytes((row + 0xA0, cell + 0xA0)).decode("euc_jp") for row in range(16, 47) for cell in range(1, 95)]
    assert "".join(kanji) == typeface.drawable("".join(kanji))


def test_cells_are_read_as_people_write_them() -> None:
    cells = (None, 1234, 0.5, 0.0, date(2026, 11, 28), "住民税")
    assert [shown(cell) for cell in cells] == ["－", "1,234", "50.0%", "0.0%", "令和8年11月28日（土）", "住民税"]


def test_without_the_typeface_or_in_too_long_a_time_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "LONGEST_S", 0.001)
    with pytest.raises(OwnError, match="秒ではできませんでした"):
        made(laid_out(["住民税"]))
    monkeypatch.setattr(typeface, "HOME", tmp_path)
    with pytest.raises(OwnError, match="make setup"):
        made(laid_out(["住民税"]))


async def test_a_terminal_makes_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "ivr.yaml"
    config.write_text("data_dir: var\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert await periods.daily(config, date(2026, 11, 27), None, "pdf", json=False) == 0
    assert await periods.monthly(config, date(2026, 11, 27), tmp_path / "x.PDF", json=False) == 0
    assert capsys.readouterr().out.splitlines()[0] == "日報-2026-11-27.pdf に書き出しました。"
    for file in ("日報-2026-11-27.pdf", "x.PDF"):
        assert "（端末）" in PdfReader(tmp_path / file).pages[0].extract_text()
