"""What comes from npm: the colours of pages (`ivr/web/static/vendor/`), the typeface of PDFs (`ivr/reporting/fonts/`).

Nothing is asked for elsewhere when a page is shown or a PDF is made.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import npm
from work import CHECKOUT, SetupError, is_stamped, say, write_atomically

WANTED = CHECKOUT / "deploy/setup/console"
VENDOR = CHECKOUT / "ivr/web/static/vendor"
FONTS = CHECKOUT / "ivr/reporting/fonts"
TOKENS = "node_modules/@digital-go-jp/design-tokens"
TYPEFACE = "node_modules/@expo-google-fonts/biz-udpgothic"
COPIED = {
    f"{TOKENS}/dist/tokens.css": VENDOR / "tokens.css",
    f"{TOKENS}/LICENSE": VENDOR / "tokens.LICENSE",
    f"{TYPEFACE}/400Regular/BIZUDPGothic_400Regular.ttf": FONTS / "BIZUDPGothic-Regular.ttf",
    f"{TYPEFACE}/700Bold/BIZUDPGothic_700Bold.ttf": FONTS / "BIZUDPGothic-Bold.ttf",
    f"{TYPEFACE}/LICENSE_FONT": FONTS / "OFL.txt",
}
"""Files of the packages, and where they go."""


def prepare(*, runtime_only: bool) -> None:
    stamp = hashlib.sha256(b"".join((WANTED / file).read_bytes() for file in npm.FILES)).hexdigest()
    if is_stamped(VENDOR / "setup.stamp", stamp) and all(place.exists() for place in COPIED.values()):
        return
    for folder in (VENDOR, FONTS):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="console-") as folder:
            npm.install(WANTED, Path(folder), what="Packages of npm for the console")
            for source, place in COPIED.items():
                shutil.copyfile(Path(folder) / source, place)
    except (SetupError, OSError) as error:
        # The pages have values of their own behind each token.
        say(f"{error}\nThe console works without it, in the same colours, without PDFs; the next set-up tries again.")
        return
    write_atomically(VENDOR / "setup.stamp", stamp)
    say("The console's colours are ready in ivr/web/static/vendor, the typeface of PDFs in ivr/reporting/fonts.")
