"""Each part of the engine, made from the settings and not started."""

from __future__ import annotations

from pathlib import Path

import structlog

from ivr.asterisk.agi import AgiServer
from ivr.asterisk.ami import Ami
from ivr.asterisk.channel_record import PLACE, ChannelRecord
from ivr.asterisk.originator import AsteriskOriginator, DialPlan, Hooks
from ivr.asterisk.pbx import ExternalPbx, ManagedPbx, Pbx
from ivr.asterisk.pbx_config import PbxConfig, Trunk
from ivr.asterisk.pbx_layout import find_asterisk
from ivr.asterisk.tap import Taps
from ivr.audit import Audit, Rescue
from ivr.campaign.lines import Limits
from ivr.data_dir import made
from ivr.domain.audit import Author
from ivr.errors import InputError
from ivr.exclusions import Register
from ivr.metrics import Metrics
from ivr.settings import Settings
from ivr.speech import TelephoneVoice
from ivr.storage import SqlResults
from ivr.system_clock import SystemClock
from ivr.vault import KeyStore, master

log = structlog.get_logger(__name__)

PROJECT = Path(__file__).resolve().parent.parent
"""Where `make setup` unpacks Asterisk, in `.asterisk/`."""


def telephone_voice(settings: Settings, metrics: Metrics | None = None) -> TelephoneVoice:
    """Return the voice of the settings; raise SpeechFailed, and InputError where there is no place for its files."""
    counted = metrics or Metrics()
    speech = settings.speech
    return TelephoneVoice(
        made(settings.data_dir) / "voice",
        engine=speech.engine,
        voice=speech.voice,
        speed=speech.speed,
        workers=speech.workers,
        on_render=counted.speech_rendered,
        on_hit=counted.speech_cached,
    )


def key_store(settings: Settings, *, restoring: bool = False) -> KeyStore:
    """Return the keys of the settings, open; raise InputError, KeysFailed or KeysInUse.

    Refused while a restore is unfinished, but for who is `restoring`: the database has neither its trail nor its rest.
    """
    file, folder = master_key_file(settings), key_folder(settings)
    if file is not None and master.coming(file).exists() and _opens(folder, master.coming(file)):
        # A change of the master key was cut off after it had come into force.
        master.take_over(file)
    default = made(settings.data_dir) / "master.key"
    keys = KeyStore.open(folder, master.master_key(settings.keys.master_key_file, default, folder))
    if Rescue(folder).begun() and not restoring:
        keys.close()
        raise InputError("データベースの復元が途中で終わっています。もう一度 ivr restore で戻してください。")
    return keys


def key_folder(settings: Settings) -> Path:
    """Return where the keys are."""
    return settings.keys.dir or settings.data_dir / "keys"


def master_key_file(settings: Settings) -> Path | None:
    """Return where the master key is, None where it is in the environment."""
    if master.from_environment() is not None:
        return None
    return settings.keys.master_key_file or settings.data_dir / "master.key"


def _opens(folder: Path, file: Path) -> bool:
    try:
        KeyStore.open(folder, master.read(file)).close()
    except InputError:
        return False
    return True


def audit_trail(
    settings: Settings, results: SqlResults, keys: KeyStore, author: Author, metrics: Metrics | None = None
) -> Audit:
    """Return the audit trail of the store, as `author` adds to it."""
    return Audit(
        results,
        keys,
        author,
        SystemClock(settings.calling.timezone),
        lock=keys.folder / "audit.lock",
        on_failure=(metrics or Metrics()).audit_failed,
    )


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


def fast_agi(settings: Settings, originator: AsteriskOriginator, metrics: Metrics) -> AgiServer:
    """Return the server that answered calls come to."""
    return AgiServer(
        settings.pbx.agi.host,
        settings.pbx.agi.port,
        originator.handle,
        on_sessions=metrics.agi_sessions,
        on_refused=metrics.agi_rejected,
    )


def register(settings: Settings, metrics: Metrics | None = None) -> Register:
    """Return what says of people that they are not called."""
    chosen = settings.exclusions
    return Register(chosen.rules(), chosen.file, on_look=(metrics or Metrics()).exclusions_known)


def limits(settings: Settings) -> Limits:
    """Return what the trunk bears."""
    return Limits(
        lines=settings.trunk.lines,
        calls_per_second=settings.trunk.calls_per_second,
        call=settings.calling.call_limit.total_seconds(),
    )
