"""The PBX, its manager interface and its AGI, and what dials through them."""

from __future__ import annotations

import structlog

from ivr.asterisk.agi import AgiServer, AgiSession
from ivr.asterisk.ami import Ami
from ivr.asterisk.channel_record import PLACE, ChannelRecord
from ivr.asterisk.inbound import SCRIPT, InboundCalls
from ivr.asterisk.originator import AsteriskOriginator, DialPlan, Hooks
from ivr.asterisk.pbx import ExternalPbx, ManagedPbx, Pbx
from ivr.asterisk.pbx_config import PbxConfig, Trunk
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.asterisk.tap import Taps
from ivr.metrics import Metrics
from ivr.parts import PROJECT
from ivr.settings import Settings
from ivr.system_clock import SystemClock

log = structlog.get_logger(__name__)


def managed_or_external(settings: Settings, metrics: Metrics) -> Pbx:
    """Return the PBX of the settings, not started; raise InputError or PbxUnavailable."""
    chosen = settings.pbx
    if chosen.mode == "external":
        return ExternalPbx(ami_secret=chosen.ami.secret() or "")
    config = PbxConfig(
        directory=settings.data_dir / "asterisk",
        side=trunk(settings),
        ami_port=chosen.ami.port,
        ami_username=chosen.ami.username,
        sip_port=chosen.sip_port,
        bind_host=chosen.bind_host,
        rtp_ports=chosen.rtp_ports,
        agi_host=chosen.agi.host,
        agi_port=chosen.agi.port,
        answers=settings.inbound.say is not None,
    )
    was_up: list[bool] = []

    def on_state(up: bool, reason: str) -> None:
        metrics.pbx_up(up)
        if up and was_up:
            metrics.pbx_restarted()
        was_up.append(up)
        log.info("pbx_up") if up else log.error("pbx_down", reason=reason)

    return ManagedPbx(config, find_asterisk(chosen.asterisk, PROJECT), on_state=on_state)


def channel_record(settings: Settings, ami: Ami) -> ChannelRecord:
    """Return the PBX's own record of its channels; that of an external PBX is found only where the settings say."""
    chosen = settings.pbx
    if chosen.mode == "external":
        return ChannelRecord(ami, chosen.channel_record)
    return ChannelRecord(ami, settings.data_dir / "asterisk" / PLACE)


def trunk(settings: Settings) -> Trunk:
    """Return the telephone line as the PBX's configuration wants it; raise InputError for an unreadable password."""
    line = settings.trunk
    return Trunk(
        host=line.host,
        port=line.port,
        transport=line.transport,
        username=line.username,
        password=line.password(),
        register=line.registers,
        from_domain=line.from_domain,
        caller_id=line.caller_id,
        codecs=line.codecs,
        dtmf=line.dtmf,
    )


def manager(settings: Settings, pbx: Pbx, metrics: Metrics) -> Ami:
    """Return the AMI connection, not yet made."""
    place = settings.pbx.ami
    return Ami(
        host=place.host,
        port=place.port,
        username=place.username,
        secret=pbx.ami_secret,
        on_state=metrics.ami_connected,
    )


def asterisk_originator(
    settings: Settings, ami: Ami, taps: Taps, clock: SystemClock, metrics: Metrics
) -> AsteriskOriginator:
    """Return what dials."""
    plan = DialPlan(
        caller_id=settings.trunk.caller_id or "",
        number_format=settings.trunk.number_format,
        ring=settings.calling.ring_timeout.total_seconds(),
        call=settings.calling.call_limit.total_seconds(),
    )
    hooks = Hooks(
        originated=metrics.originated,
        first_audio=metrics.answer_to_audio,
        key_to_audio=metrics.key_to_audio,
        bad_token=lambda: metrics.agi_rejected("token"),
        deaf=metrics.call_unheard,
    )
    return AsteriskOriginator(ami, clock, plan=plan, rules=settings.listening.rules(), hooks=hooks, taps=taps)


def fast_agi(settings: Settings, originator: AsteriskOriginator, inbound: InboundCalls, metrics: Metrics) -> AgiServer:
    """Return the server that answered calls come to, and those that come in."""

    async def handle(session: AgiSession) -> None:
        coming_in = session.environment.get("agi_network_script") == SCRIPT
        await (inbound if coming_in else originator).handle(session)

    return AgiServer(
        settings.pbx.agi.host,
        settings.pbx.agi.port,
        handle,
        on_sessions=metrics.agi_sessions,
        on_refused=metrics.agi_rejected,
    )
