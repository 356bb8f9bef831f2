"""The only room that knows how texts (SMS) go out: SMPP 3.4 as an ESME, or HTTPS as a shape describes it.

smpp.py           the port `TextGateway`: SmppGateway, which keeps a bind and submits texts
smpp_link.py      one bind over one connection
smpp_pace.py      how fast a centre lets us be
smpp_receipts.py  what a delivered message tells: a receipt, or somebody's words
smpp_wire.py      bytes to PDUs and back
smpp_status.py    what a centre means by a status

http_gateway.py    the port `TextGateway`: HttpGateway, which submits texts and asks what has become of them
http_callbacks.py  where a provider tells that by itself
http_exchange.py   one request and its answer, and whether anything was written
http_shape.py      how a provider's interface looks
http_wire.py       texts to requests by it, and bytes back to meanings
shapes/            two models of such descriptions

presence.py        whether texts are taken now and why not, told alike by both
"""

from ivr.messaging.http_callbacks import callbacks
from ivr.messaging.http_exchange import HttpTiming
from ivr.messaging.http_gateway import HttpGateway, nothing_outstanding
from ivr.messaging.http_shape import Shape
from ivr.messaging.http_wire import Account
from ivr.messaging.smpp import SmppAccount, SmppGateway
from ivr.messaging.smpp_link import SmppTiming

__all__ = [
    "Account",
    "HttpGateway",
    "HttpTiming",
    "Shape",
    "SmppAccount",
    "SmppGateway",
    "SmppTiming",
    "callbacks",
    "nothing_outstanding",
]
