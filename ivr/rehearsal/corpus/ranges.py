"""From what the corpus of simulated callees is drawn: tuned and held-out values side by side, which never overlap.

Thresholds of the engine may be chosen by looking at what is drawn from the left; whether they hold beyond it is told by
what is drawn from the right. Levels are RMS in dBFS for speech and noise, of a sine's peak for beeps; times in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Interval: TypeAlias = tuple[float, float]
Phrases: TypeAlias = tuple[str, ...]


class Part(StrEnum):
    """Whether the engine may be fitted to it."""

    TUNED = "tuned"
    HELD_OUT = "held_out"


@dataclass(frozen=True, slots=True)
class Ranges:
    """Intervals, both ends included."""

    tuned: tuple[Interval, ...]
    held_out: tuple[Interval, ...]

    def of(self, part: Part) -> tuple[Interval, ...]:
        """Return the intervals of `part`."""
        return self.tuned if part is Part.TUNED else self.held_out


@dataclass(frozen=True, slots=True)
class Words:
    """What may be said: each choice is a row of phrases, between which there is a pause."""

    tuned: tuple[Phrases, ...]
    held_out: tuple[Phrases, ...]

    def of(self, part: Part) -> tuple[Phrases, ...]:
        """Return the choices of `part`."""
        return self.tuned if part is Part.TUNED else self.held_out


RANGES: Mapping[str, Ranges] = {
    #                        tuned                                        held out
    # how loud, how clean
    "level":          Ranges(((-23.0, -19.0),),                           ((-26.0, -24.0), (-18.0, -15.0))),
    "level_quiet":    Ranges(((-32.0, -30.0),),                           ((-35.0, -33.0),)),
    "level_loud":     Ranges(((-11.0, -9.0),),                            ((-8.0, -6.0),)),
    "loss":           Ranges(((0.02, 0.03),),                             ((0.035, 0.06),)),
    "line_noise":     Ranges(((-55.0, -48.0),),                           ((-60.0, -56.0), (-47.0, -42.0))),
    "room_noise":     Ranges(((-45.0, -38.0),),                           ((-37.0, -30.0),)),
    "music_level":    Ranges(((-38.0, -34.0),),                           ((-33.0, -29.0),)),
    # recording machines
    "answer_s":       Ranges(((0.3, 0.8),),                               ((0.9, 1.8),)),
    "late_s":         Ranges(((4.0, 6.0),),                               ((6.5, 9.0),)),
    "pause_s":        Ranges(((0.3, 0.55),),                              ((0.6, 0.9),)),
    "long_pause_s":   Ranges(((1.0, 1.3), (1.7, 1.9)),                    ((1.4, 1.6), (2.0, 2.2))),
    "beep_after_s":   Ranges(((0.4, 1.1),),                               ((0.0, 0.3), (1.2, 2.0))),
    "late_beep_s":    Ranges(((2.5, 3.6),),                               ((3.9, 5.0),)),
    "beep_hz":        Ranges(((440.0, 700.0), (950.0, 1100.0), (1350.0, 1450.0)),
                             ((750.0, 900.0), (1150.0, 1300.0), (1500.0, 2000.0))),
    "beep_s":         Ranges(((0.35, 0.6),),                              ((0.24, 0.32), (0.65, 0.85))),
    "short_beep_s":   Ranges(((0.18, 0.2),),                              ((0.15, 0.17),)),
    "long_beep_s":    Ranges(((1.0, 1.2),),                               ((1.25, 1.5),)),
    "beep_gap_s":     Ranges(((0.1, 0.16),),                              ((0.2, 0.3),)),
    "beep_level":     Ranges(((-16.0, -10.0),),                           ((-24.0, -17.0), (-9.0, -7.0))),
    "gives_up_s":     Ranges(((8.0, 8.0),),                               ((9.0, 12.0),)),
    "memo_s":         Ranges(((30.0, 30.0),),                             ((26.0, 29.0),)),
    "cut_s":          Ranges(((20.0, 20.0),),                             ((21.0, 23.0),)),
    # people
    "pick_up_s":      Ranges(((0.2, 0.6),),                               ((0.7, 1.3),)),
    "silent_first_s": Ranges(((2.7, 3.2),),                               ((3.5, 4.5),)),
    "breath_s":       Ranges(((0.5, 0.8),),                               ((0.9, 1.2),)),
    "reaction_s":     Ranges(((1.0, 1.4),),                               ((1.5, 2.2),)),
    "into_s":         Ranges(((2.5, 4.5),),                               ((5.0, 7.0),)),
    # screening devices and assistants
    "rings":          Ranges(((1.0, 1.0), (3.0, 3.0)),                    ((2.0, 2.0), (4.0, 4.0))),
    "ring_level":     Ranges(((-22.0, -18.0),),                           ((-28.0, -23.0),)),
    "ring_hz":        Ranges(((16.0, 17.0),),                             ((15.0, 15.5), (18.0, 20.0))),
    "device_gap_s":   Ranges(((0.5, 1.0),),                               ((1.1, 1.8),)),
    "answered_s":     Ranges(((1.3, 1.7),),                               ((1.8, 2.4),)),
    "fetches_s":      Ranges(((2.5, 4.5),),                               ((5.0, 8.0),)),
    # the network and faxes
    "between_s":      Ranges(((1.0, 1.4),),                               ((1.5, 2.0),)),
    "special_level":  Ranges(((-20.0, -15.0),),                           ((-26.0, -21.0),)),
    "announced":      Ranges(((2.0, 2.0),),                               ((3.0, 3.0),)),
    "fax_s":          Ranges(((12.0, 16.0),),                             ((20.0, 30.0),)),
}  # fmt: skip

VOICES: Mapping[Part, tuple[str, ...]] = {
    Part.TUNED: ("mei-low", "mei-high", "mei-slow", "mei-quick"),
    Part.HELD_OUT: ("mei-deep", "mei-bright", "mei-calm"),
}
"""Voices of tts/engines/openjtalk.py; none is the engine's own."""

WORDS: Mapping[str, Words] = {
    "greeting": Words(
        tuned=(
            ("ただいま電話に出ることができません。", "発信音の後に、お名前とご用件をお話しください。"),
            (
                "お電話ありがとうございます。",
                "ただいま留守にしております。",
                "ピーという発信音の後に、メッセージをお入れください。",
            ),
            ("はい、鈴木です。", "今、留守にしています。", "ご用の方は、発信音の後にお話しください。"),
            (
                "お客様のおかけになった電話は、ただいま電話に出ることができません。",
                "合図の音の後に、三分以内でメッセージをお話しください。",
            ),
        ),
        held_out=(
            (
                "こちらは留守番電話サービスです。",
                "お呼びしましたが、お出になりません。",
                "ピーという音に続けて、伝言をどうぞ。",
            ),
            ("あいにく外出しております。", "後ほどこちらからおかけしますので、お名前とお電話番号をお残しください。"),
            (
                "高橋でございます。",
                "申し訳ございませんが、席を外しております。",
                "信号音が鳴りましたら、ご伝言をお願いいたします。",
            ),
        ),
    ),
    "short_greeting": Words(
        tuned=(("留守です。ご用件をどうぞ。",),),
        held_out=(("ただいま留守番電話になっています。",),),
    ),
    "long_greeting": Words(
        tuned=(
            (
                "お電話をいただき、まことにありがとうございます。佐藤でございます。",
                "ただいま家族全員が出かけておりまして、電話に出ることができません。",
                "お急ぎの方は、恐れ入りますが、携帯電話のほうにおかけ直しください。",
                "それ以外の方は、ピーという発信音の後に、お名前と、お電話番号と、ご用件をお話しください。",
                "戻りましたら、こちらからご連絡いたします。",
            ),
        ),
        held_out=(
            (
                "はい、こちらは渡辺です。せっかくお電話をいただきましたのに、申し訳ありません。",
                "セールスや勧誘のお電話は、かたくお断りしております。",
                "ご用のある方は、この後の合図の音を待って、ゆっくりと、はっきりとお話しください。",
                "なお、この電話は、三分間録音することができます。それでは、どうぞ。",
            ),
        ),
    ),
    "beepless_greeting": Words(
        tuned=(
            ("ただいま留守にしております。", "ご用件を、このままお話しください。"),
            ("留守番電話です。", "お話しください。"),
        ),
        held_out=(
            ("電話に出られませんので、ご用件をうかがいます。", "続けてどうぞ。"),
            ("録音を始めます。", "お名前からお願いします。"),
        ),
    ),
    "memo_greeting": Words(
        tuned=(("ただいま電話に出られません。", "三十秒以内で、ご用件をお話しください。"),),
        held_out=(("近くにおりません。", "音の後に、手短にご用件をお残しください。"),),
    ),
    "bilingual_greeting": Words(
        tuned=(
            (
                "ただいま留守にしております。発信音の後にメッセージをどうぞ。",
                "アイム ノット アット ホーム ナウ。プリーズ リーブ ア メッセージ アフター ザ ビープ。",
            ),
        ),
        held_out=(
            (
                "サンキュー フォー コーリング。ウィー キャント テイク ユア コール ライト ナウ。",
                "恐れ入りますが、電話に出ることができません。音が鳴りましたら、お話しください。",
            ),
        ),
    ),
    "hello": Words(
        tuned=(("もしもし。",), ("はい、もしもし。",), ("はい。",)),
        held_out=(("はい、どなたですか。",), ("もしもし、どうも。",), ("はいはい。",)),
    ),
    "name": Words(
        tuned=(("はい、山田でございます。",), ("はい、小林です。",)),
        held_out=(("加藤でございます。",), ("はい、吉田の家ですが。",)),
    ),
    "long_answer": Words(
        tuned=(
            ("はい、もしもし、お待たせしました。山田でございます。", "どちら様でしょうか。"),
            ("はいはい、ごめんなさいね、今台所におりまして。", "はい、どうぞ。"),
        ),
        held_out=(
            ("お電話ありがとうございます、中村商店でございます。", "ご注文でしょうか。"),
            ("もしもし、ちょっと待ってくださいね、テレビの音を小さくしますから。", "はい、聞こえます。"),
        ),
    ),
    "device": Words(
        tuned=(
            ("この電話は、迷惑電話防止のため、録音されます。", "しばらくお待ちください。"),
            ("ただいまから、お呼び出しいたします。この通話は録音されています。",),
        ),
        held_out=(
            ("防犯のために、会話を記録します。", "そのままでお待ち願います。"),
            ("迷惑電話対策の機器です。おつなぎしますので、切らずにどうぞ。",),
        ),
    ),
    "device_closes": Words(
        tuned=(("ただいま電話に出られません。後ほど、おかけ直しください。",),),
        held_out=(("お呼びしましたが、お出になりませんでした。このお電話を終わります。",),),
    ),
    "assistant": Words(
        tuned=(("お名前とご用件をお聞かせください。",),),
        held_out=(("おかけになった方がお出になれるか確認します。", "お名前と、お電話の理由をおっしゃってください。"),),
    ),
    "assistant_fetches": Words(
        tuned=(("少々お待ちください。",),),
        held_out=(("ありがとうございます。ただいま確認しております。",),),
    ),
    "assistant_closes": Words(
        tuned=(("応答がありませんでした。失礼いたします。",),),
        held_out=(("ただいまお話しになれません。それでは失礼いたします。",),),
    ),
    "unused": Words(
        tuned=(("おかけになった電話番号は、現在使われておりません。番号をお確かめになって、おかけ直しください。",),),
        held_out=(
            ("おかけになった番号は、ただいま使われておりません。恐れ入りますが、もう一度番号をお調べください。",),
        ),
    ),
    "out_of_reach": Words(
        tuned=(("おかけになった電話は、電波の届かない場所にあるか、電源が入っていないため、かかりません。",),),
        held_out=(
            ("お客様がおかけになった電話は、電源が切られているか、電波の届かない所にあるため、おつなぎできません。",),
        ),
    ),
}
