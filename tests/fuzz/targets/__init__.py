"""The parsers that are fuzzed: everything that takes bytes or text from outside the engine."""

from tests.fuzz.target import Target
from tests.fuzz.targets import centres, files, providers, sounds, wires, words

TARGETS: dict[str, Target] = {
    target.name: target for room in (wires, centres, providers, sounds, files, words) for target in room.TARGETS
}
