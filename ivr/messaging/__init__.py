"""The only room that knows how texts (SMS) go out: SMPP 3.4 as an ESME.

smpp.py           the port `TextGateway`: SmppGateway, which keeps a bind and submits texts
smpp_link.py      one bind over one connection
smpp_pace.py      how fast a centre lets us be
smpp_receipts.py  what a delivered message tells: a receipt, or somebody's words
smpp_wire.py      bytes to PDUs and back
smpp_status.py    what a centre means by a status
"""

from ivr.messaging.smpp import SmppAccount, SmppGateway
from ivr.messaging.smpp_link import SmppTiming

__all__ = ["SmppAccount", "SmppGateway", "SmppTiming"]
