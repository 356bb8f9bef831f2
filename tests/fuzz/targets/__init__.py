"""The parsers that are fuzzed: everything that takes bytes or text from outside the engine."""

from tests.fuzz.target import Target
from tests.fuzz.targets import files, sounds, wires, words

TARGETS: dict[str, Target] = {
    target.name: target for target in (*wires.TARGETS, *sounds.TARGETS, *files.TARGETS, *words.TARGETS)
}
