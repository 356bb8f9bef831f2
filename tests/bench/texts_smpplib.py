"""smpplib's client under the same load, in a process of its own: `texts_smpplib PORT TEXTS WINDOW`.

It has no window: it sends without waiting, and reads when it is told to. So as many texts as the window allows are
sent ahead, and one more for each answer. Prints the seconds.
"""

from __future__ import annotations

import logging
import sys
import time

import smpplib.client
import smpplib.consts

from ivr.rehearsal.ports import HOST

WITHIN = 30.0
"""Seconds for any answer."""


def main(port: int, texts: int, window: int) -> float:
    """Return the seconds from the first text to the last answer."""
    logging.disable()
    client = smpplib.client.Client(HOST, port, timeout=WITHIN, allow_unknown_opt_params=True)
    answered = 0

    def sent(pdu: object) -> None:
        nonlocal answered
        answered += 1

    client.set_message_sent_handler(sent)
    client.set_message_received_handler(lambda pdu: None)
    client.connect()
    client.bind_transceiver(system_id="bench", password="secret")
    body = BODY.encode("utf-16-be")
    began = time.perf_counter()
    for number in range(texts):
        while number - answered >= window:
            client.read_once()
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_INTL,
            source_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            source_addr="81357220000",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            destination_addr=f"81903{number:07d}",
            short_message=body,
            data_coding=8,
            registered_delivery=True,
        )
    while answered < texts:
        client.read_once()
    took = time.perf_counter() - began
    # The centre closes before its answer to an unbind has left, so that none is asked for.
    client.disconnect()
    return took


BODY = "市役所納税課です。ヤマダ タロウ様、お知らせをご確認ください。03-5722-0000"
"""One message, as long as those of the campaign beside it."""

if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:4])))
