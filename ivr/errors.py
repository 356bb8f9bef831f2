"""The errors that people meet. The class says whose fault it is.

    IvrError
    ├── InputError           the person's: a file, a setting, a name; says what to change
    │   ├── Problems         several at once, each with its file and line
    │   ├── NotFound         a campaign, step or file that is not there
    │   ├── NameTaken        a campaign by that name is there already
    │   ├── NotLetIn         a name, password or code that is wrong, or too many of them
    │   ├── KeyDestroyed     a campaign that was erased; nobody can read it again
    │   └── WrongMasterKey   not the one that the keys were locked with
    ├── PeerError            the other side's: the PBX, the trunk, the network
    │   ├── PbxUnavailable   Asterisk does not start, answer, or let us in
    │   ├── CallLost         one call's channel went away under us
    │   ├── TextUncertain    a text was handed over, and nobody can tell whether it was taken
    │   ├── ExclusionsUnknown  nobody can tell now who is not to be called
    │   └── ProviderAway     the identity provider of the console's people does not answer as it should
    └── OwnError             ours
        ├── SpeechFailed     the voice is out of order: processes, disk
        │   └── Unspeakable  the voice can't speak this text, however often it is asked
        ├── StoreFailed      the results store refused or is out of reach
        │   └── KeysFailed   the key store is damaged or out of reach, and with it what its keys lock
        └── Busy             a port that we need is taken
            ├── EngineRuns   another engine holds this data directory
            └── KeysInUse    somebody else has the key store open, or is changing its locks

The text of an error is one sentence for the person who sees it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class IvrError(Exception):
    """Anything that ivr says on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Let it be told from one of our processes to another, whatever it was made from."""
        return _again, (type(self), self.args, dict(self.__dict__))


def _again(kind: type[IvrError], args: tuple[object, ...], held: Mapping[str, object]) -> IvrError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(held)
    return error


class InputError(IvrError):
    """Something that a person gave us is wrong; the text says what and where."""


class NotFound(InputError):
    """A campaign, step or file by that name is not there."""


class NameTaken(InputError):
    """A campaign by that name is there already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"催告「{name}」は、すでにあります。別の名前にしてください。")


class NotLetIn(InputError):
    """Somebody has not proven who they are."""


class KeyDestroyed(InputError):
    """The campaign was erased: its key is gone, and nobody can read it again."""


class WrongMasterKey(InputError):
    """The keys were locked with another master key."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing wrong in a file that a person wrote; `line` counts from 1, 0 where no line fits."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        """Return `file:line: message`, as editors understand it."""
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class Problems(InputError):
    """Everything wrong in a file, in order of lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PeerError(IvrError):
    """The other side failed or did not answer in time."""


class PbxUnavailable(PeerError):
    """Asterisk does not start, does not answer, or does not let us in."""


class CallLost(PeerError):
    """The channel of one call went away while we used it."""


class TextUncertain(PeerError):
    """A text was handed over, and the network may have taken it or not; sending it again may send it twice.

    `references` are the network's names of those first parts that it has certainly taken.
    """

    def __init__(self, message: str, references: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.references = tuple(references)


class ExclusionsUnknown(PeerError):
    """Nobody can tell now who is not to be called; so nobody is."""


class ProviderAway(PeerError):
    """The identity provider does not answer, or not as one does; who has a password of ours comes in by that."""


class OwnError(IvrError):
    """We failed."""


class SpeechFailed(OwnError):
    """The voice is out of order, whatever the text."""


class Unspeakable(SpeechFailed):
    """The voice can't speak this text, however often it is asked."""


class StoreFailed(OwnError):
    """The results store refused, or is out of reach."""


class KeysFailed(StoreFailed):
    """The key store is damaged or out of reach, and with it what its keys lock."""


class Busy(OwnError):
    """A port that we need is taken."""


class EngineRuns(Busy):
    """Another engine holds this data directory."""


class KeysInUse(Busy):
    """Somebody else has the key store open, or is changing its locks."""


_REASONS = {
    errno.ENOENT: "ありません",
    errno.EACCES: "権限がありません",
    errno.EPERM: "許されていません",
    errno.EISDIR: "フォルダです",
    errno.ENOTDIR: "途中がフォルダではありません",
    errno.EEXIST: "すでにあります",
    errno.ENOSPC: "ディスクに空きがありません",
    errno.EDQUOT: "使ってよい容量を超えました",
    errno.EROFS: "書き込みのできないディスクです",
    errno.EIO: "ディスクの読み書きに失敗しました",
    errno.ENAMETOOLONG: "名前が長すぎます",
    errno.ELOOP: "リンクが輪になっています",
    errno.EMFILE: "開いているファイルが多すぎます",
    errno.EADDRINUSE: "ほかのプログラムが使っています",
    errno.EADDRNOTAVAIL: "このコンピュータのアドレスではありません",
    errno.ECONNREFUSED: "接続を断られました",
    errno.ECONNRESET: "接続が切られました",
    errno.EHOSTUNREACH: "相手に届きません",
    errno.ENETUNREACH: "ネットワークに届きません",
    errno.ETIMEDOUT: "時間切れです",
}


def reason(error: OSError) -> str:
    """Return why the system refused, in words of staff; in its own where it is something rare."""
    return _REASONS.get(error.errno or 0) or error.strerror or type(error).__name__


def place(error: BaseException) -> str:
    """Return where a defect of ours was raised, for the log: its text may name a person."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace is not None else "unknown"
