"""What it means that something is not well, and what to do: in words for a clerk, who is no technician. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TELL = "システムの担当者に知らせてください。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a clerk reads: of what is well one sentence; else what it means for the calls, and what to do.

    `warns` where a warning means something else than the worst; `link` where more is to be seen, as path and words.
    """

    name: str
    well: str
    means: str
    todo: str = TELL
    warns: str = ""
    warned_todo: str = ""
    link: tuple[str, str] | None = None


WORDS: Mapping[str, Words] = {
    "pulse": Words(
        name="処理の滞り",
        well="滞りはありません。",
        means="この五分のうちに、数秒のあいだ止まりました。その間の通話では、案内や返事が遅れました。いまは動いています。",
        todo=f"急ぎではありませんが、{TELL}",
    ),
    "pbx": Words(
        name="電話交換機",
        well="電話交換機につながっています。",
        means="新しい電話をかけられません。これまでの結果は失われません。",
        todo=f"{TELL}つながれば、つづきから自動でかけます。",
    ),
    "trunk": Words(
        name="電話回線",
        well="回線を止める理由はありません。",
        means="どの電話も同じ理由でつながらないので、発信を見合わせています。ときどき一件だけ試しています。",
        todo=f"電話会社の障害のお知らせを見て、{TELL}つながれば、自動でつづけます。",
    ),
    "registration": Words(
        name="電話会社への登録",
        well="電話会社に登録されています。",
        means="電話会社に登録できていないので、電話がかからないことがあります。",
    ),
    "listening": Words(
        name="聞き取り",
        well="相手の声が届いています。",
        means="電話はかかります。留守番電話の聞き分けが粗くなり、質問が早く始まります。",
        todo=f"急ぎではありませんが、{TELL}",
    ),
    "voice": Words(
        name="音声",
        well="文章を音声にできます。",
        means="新しい文章を音声にできません。音声ができている人のほかには、かけられません。",
    ),
    "exclusions": Words(
        name="架電除外",
        well="かけてはいけない人が分かっています。",
        means="かけてはいけない人が分からないので、だれにもかけていません。",
        todo="除外ファイルを直してください。直れば、すぐにつづきからかけます。",
        warns="名簿の列でも除外ファイルでも、だれも除外しない設定です。",
        warned_todo="支援措置や督促停止の人がいるときは、担当者に設定を頼んでください。画面で登録した人にはかけません。",
        link=("/exclusions", "架電除外を見る"),
    ),
    "collection": Words(
        name="収納システム",
        well="納付を確かめられています。",
        means="納付したかどうかを確かめられないので、かけていません。",
        todo=f"収納システムが動いているかを見て、{TELL}答えるようになれば、つづきからかけます。",
    ),
    "sms": Words(
        name="SMS の事業者",
        well="SMS を送れます。",
        means="SMS は送られずに待っています。電話はかかります。",
        todo=f"{TELL}つながれば、つづきから自動で送ります。",
    ),
    "window": Words(
        name="架電時間帯",
        well="",
        means="これから 60 日の間、架電できる時間帯がありません。だれにもかかりません。",
        todo="架電できる時間帯の設定を、システムの担当者と確かめてください。",
    ),
    "database": Words(
        name="データベース",
        well="読み書きできます。",
        means="結果を保存できないので、新しい電話をかけられません。",
        warns="答えるのに時間がかかっています。画面が遅くなり、電話の始まりも遅れることがあります。",
    ),
    "disk": Words(
        name="ディスクの空き",
        well="空きは十分です。",
        means="空きがないか、書き込めません。電話の記録も音声も保存できなくなります。",
        warns="空きが少なくなっています。いまは電話に影響ありません。",
        warned_todo=f"早めに{TELL}",
    ),
    "audit": Words(
        name="監査証跡への記録",
        well="だれが何をしたかを記録できています。",
        means="操作を記録できません。記録できない操作（開始や承認など）は、行われません。",
    ),
    "keys": Words(
        name="暗号の鍵",
        well="鍵を使えます。",
        means="個人情報を守る鍵を使えません。名簿を読めないので、電話をかけられなくなります。",
        warns="電話に影響はありません。鍵の置き場所に、直したほうがよいところがあります。",
    ),
    "secrets": Words(
        name="パスワードのファイル",
        well="読めます。",
        means="次に呼鈴を起動したとき、電話会社や SMS の事業者につながりません。",
    ),
    "clock": Words(
        name="時計",
        well="時刻は自動で合わせられています。",
        means="時刻が正しいか分かりません。架電できる時間帯は、この時計で決まります。",
        todo=f"画面の下の時刻が正しいかを見てください。ちがっていたら、すぐに{TELL}",
    ),
    "backup": Words(
        name="バックアップ",
        well="新しいバックアップがあります。",
        means="電話に影響はありません。機械がこわれると、最後のバックアップのあとの結果が失われます。",
        todo="システムの担当者に、バックアップを取るように頼んでください。",
    ),
    "retention": Words(
        name="保存期間",
        well="保存期間を過ぎた催告はありません。",
        means="電話に影響はありません。保存期間を過ぎた個人情報が残っています。",
        todo="実行中のままの古い催告がないかを見て、あれば打ち切ってください。",
    ),
    "engines": Words(
        name="呼鈴の動作",
        well="動いています。",
        means="この機械が、動いている印を残せていません。ほかの機械が、この機械の電話を終わったものとみなすことがあります。",
        warns="前に一緒に動いていた機械が、答えていません。残りの機械でかけます。",
        warned_todo=f"止めた覚えがなければ、{TELL}",
    ),
    "console": Words(
        name="この画面",
        well="使えます。",
        means="電話に影響はありません。画面までの通信に、直したほうがよいところがあります。",
    ),
    "scenarios": Words(
        name="シナリオ",
        well="この役所のシナリオが読めます。",
        means="かけはじめている催告に影響はありません。新しい催告に使えないシナリオがあります。",
        link=("/scenarios", "シナリオを見る"),
    ),
    "webhooks": Words(
        name="ほかのシステムへの通知",
        well="結果の通知に、滞りはありません。",
        means="電話に影響はありません。結果が、ほかのシステムに届いていません。",
    ),
    "openid": Words(
        name="庁内アカウント",
        well="庁内アカウントでサインインできます。",
        means="電話に影響はありません。庁内アカウントでのサインインができないことがあります。パスワードでは入れます。",
    ),
    "greeting": Words(
        name="折り返しの案内",
        well="折り返しの電話に、案内を流せます。",
        means="折り返しの電話に流す案内に、音声で読めない文字があります。",
    ),
}
