"""The scenario of the source document, as the other files of tests need it: built, not read."""

from ivr.domain.scenario import Ask, Leave, Say, Scenario

REMINDER = Scenario(
    title="納付のご案内",
    start="confirm",
    steps={
        "confirm": Ask(
            name="confirm",
            text="{kana}様でいらっしゃいますか。",
            keys={"#": "notice"},
            times=2,
            wait=5.0,
            silence="machine",
        ),
        "notice": Say(name="notice", text="大切なお知らせです。", reached=True, then="more"),
        "more": Ask(
            name="more",
            text="もう一度は1を、折り返しは2を。",
            keys={"1": "notice", "2": "callback"},
            wait=5.0,
            silence="bye",
        ),
        "callback": Say(name="callback", text="お電話いたします。", mark="callback_requested", then="bye"),
        "bye": Say(name="bye", text="失礼いたします。"),
        "machine": Leave(name="machine", text="税務課です。"),
    },
)
