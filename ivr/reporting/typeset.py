"""A program of its own: what a report says comes in as JSON, its PDF goes out. It gives way to calls, on one processor.

Typst keeps what it has laid out for the next time, more than a hundred megabytes, and a defect of it would end its
process: neither is for the one that makes calls. Imports nothing of ours, so that it starts at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
NICE = 10


def typeset(said: str, *, family: str, made: int) -> bytes:
    """Return the PDF of period.typ with the data `said`; `made` is its moment, in seconds since 1970."""
    import typst

    # The typeface alone: a PDF looks the same wherever it was made.
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(HERE / "fonts")])
    done = typst.compile(
        HERE / "period.typ",
        root=HERE,
        format="pdf",
        font_paths=fonts,
        sys_inputs={"data": said, "family": family},
        pdf_standards="ua-1",
        timestamp=made,
    )
    if not isinstance(done, bytes):
        raise TypeError("a PDF is one file")
    return done


if __name__ == "__main__":
    os.nice(NICE)
    os.environ["RAYON_NUM_THREADS"] = "1"
    sys.stdout.buffer.write(typeset(sys.stdin.read(), family=sys.argv[1], made=int(sys.argv[2])))
