"""The scenarios that are dialled, and what the callees do in them."""

from __future__ import annotations

from tests.bench.far_end import Manner

CONFIRM = """
version: 1
title: 測定
start: confirm
opening: at_once
steps:
  confirm:
    ask: こちらは測定です。{kana}様でいらっしゃいますか。ご本人様の場合は、シャープを押してください。
    times: 1
    wait: 5s
    keys: {"#": notice}
    silence: bye
  notice: {say: 大切なお知らせを送付しましたので、ご確認ください。, reached: true, then: bye}
  bye: {say: 失礼いたします。, then: end}
"""
"""A short reminder: the question with the name, the key, the message, the farewell; then the engine hangs up."""

CONFIRMING = Manner(ring=0.5, press=(("#", 1.0),))
"""Presses `#` in the question, a second after it began, and hears the rest."""

TWICE = """
version: 1
title: 測定
start: confirm
opening: at_once
steps:
  confirm:
    ask: こちらは測定です。{kana}様でいらっしゃいますか。ご本人様の場合は、シャープを押してください。
    times: 1
    wait: 5s
    keys: {"#": more}
    silence: bye
  more:
    ask: 1を。
    times: 1
    wait: 5s
    keys: {"1": notice}
    silence: bye
  notice: {say: 大切なお知らせを送付しました。, reached: true, then: bye}
  bye: {say: 失礼いたします。, then: end}
"""
"""Two questions, so that the first key comes while we speak, and the second after we have spoken."""

PRESSING_TWICE = Manner(ring=0.2, press=(("#", 1.0), ("1", 2.5)), keep=True)

LISTENING = """
version: 1
title: 測定
start: confirm
opening: listen
steps:
  confirm:
    ask: こちらは測定です。{kana}様でいらっしゃいますか。ご本人様の場合は、シャープを押してください。
    times: 1
    wait: 30s
    keys: {"#": notice}
    silence: machine
  notice: {say: 大切なお知らせを送付しましたので、ご確認ください。, reached: true, then: end}
  machine: {leave: 大切なお知らせを送付しましたので、ご確認ください。}
"""
"""Awaits the first words, puts a question of some five seconds, waits for a key, and leaves a message after a beep."""

NOT_LISTENING = """
version: 1
title: 測定
start: confirm
opening: at_once
steps:
  confirm:
    ask: こちらは測定です。{kana}様でいらっしゃいますか。ご本人様の場合は、シャープを押してください。
    times: 1
    wait: 30s
    keys: {"#": notice}
    silence: end
  notice: {say: 大切なお知らせを送付しましたので、ご確認ください。, reached: true, then: end}
"""
"""The same question, and nothing for which the callee's side must be heard."""

TALKING = Manner(ring=0.5, say=(*(("babble", 2.5), ("silence", 2.5)) * 6, ("beep", 0.4), ("silence", 0.02)), voices=10)
"""Sounds and is silent by halves for 30 s, then beeps once, and waits for what comes."""
