"""What an engine that runs says of itself, in words: what is not well, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.doctor.finding import Finding, State, bad

_BAD: Mapping[str, tuple[str, str, str]] = {
    "ami": ("電話交換機の動作", "動いている ivr が、電話交換機に接続できません。", "ivr のログを見てください。"),
    "pulse": (
        "処理の滞り",
        "この五分のうちに、動いている ivr が五秒以上止まりました。その間、通話は応えませんでした。",
        "この機械の負荷とディスクを見てください。負荷が軽くても続くなら、ivr のログを添えて開発元へ。",
    ),
    "trunk": (
        "回線",
        "どの電話も同じ理由でつながらないので、発信を見合わせています。",
        "結果の SIP の番号を見て、回線の番号形式・パスワード・契約を確かめてください。",
    ),
    "exclusions": (
        "除外",
        "動いている ivr は、かけてはいけない人が分からないので、だれにもかけていません。",
        "ivr doctor が「除外」に示すとおりに直してください。一秒のうちに読み直します。",
    ),
    "listening": (
        "聞き取り",
        "相手の音声が ivr に届きません。留守番電話の聞き分けが粗くなり、質問は応答と同時に始まります。",
        "電話交換機に chan_audiosocket と app_chanspy があるか、電話交換機のログを見てください。",
    ),
    "audit": (
        "監査証跡への記録",
        "動いている ivr が、監査証跡に記録できません。",
        "データベースと鍵の置き場の空きと権限を確かめてください。理由は ivr のログにあります。",
    ),
    "collection": (
        "収納システム",
        "収納システムに納付を確かめられないので、かけていません。",
        "設定 exclusions.check の url と token_file、相手のサーバーを確かめてください。",
    ),
    "sms": (
        "SMS の事業者",
        "SMS の事業者につながらないので、SMS は送られずに待っています。",
        "回線と、設定 texts.smpp（か texts.http）を確かめてください。理由は ivr のログにあります。",
    ),
    "console": (
        "職員の画面",
        "職員の画面（コンソール）を開けません。電話はかかります。",
        "設定 web.port を変えるか、そのポートを使っているプログラムを止めてください。空けば、ひとりでに開きます。",
    ),
}

_WARNINGS = frozenset({"pulse", "listening", "console"})
"""What keeps nobody from being called."""


def troubles(checks: Mapping[str, bool]) -> Iterator[Finding]:
    """Yield what is not well, the worst first."""
    for check, (name, message, remedy) in _BAD.items():
        if checks.get(check, True):
            continue
        if check in _WARNINGS:
            yield Finding(name=name, state=State.WARNING, message=message, remedy=remedy)
        else:
            yield bad(name, message, remedy)
