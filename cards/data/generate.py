"""Write the two corpora that ship with the cards: film reviews (two classes) and news topics (four classes).

Why they exist: a card must be reproducible in half a minute, on two CPU cores, with no network and no licence
question. So this project writes its own text, from a seeded grammar, and commits the result next to the grammar.

    python cards/data/generate.py            rewrite the four files
    python cards/data/generate.py --check    exit 1, naming them, if the files on disk differ

What makes the reviews more than a word list: the label is the verdict on *the film*. The same adjectives also
describe its parts, another film, other people's opinions and first impressions, and they are often negated, so
counting words settles only part of the rows; who a word is said of, and what stands before it, settles the rest.
A few percent of the rows are honestly undecidable, and some words occur in the test file only.

The bytes depend on nothing but this file: `random.Random.random` is the one library function drawn from (its
sequence for an integer seed is guaranteed, that of `choice` and `shuffle` is not), and no set is iterated.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
SEED = 20250
REVIEW_ROWS = {"train": 2400, "test": 1200}
TOPIC_ROWS = {"train": 1200, "test": 400}
WORDS_MIN, WORDS_MAX = 8, 110
HELD_OUT_RATE = 0.12
"""How often a test row draws a word from the held-out half of a table that has one."""


@dataclass(frozen=True)
class Words:
    """A table of interchangeable words: `known` occur in both files, `held_out` in the test file only."""

    known: tuple[str, ...]
    held_out: tuple[str, ...] = ()


def words(known: str, held_out: str = "") -> Words:
    """Read a table written as 'one, two, three'."""
    return Words(*(tuple(w.strip() for w in text.split(",") if w.strip()) for text in (known, held_out)))


class Writer:
    """A seeded source of choices that fills templates; `test` lets it use the held-out words."""

    def __init__(self, seed: int, tables: dict[str, Words], *, test: bool) -> None:
        self._random = random.Random(seed)
        self.tables = tables
        self.test = test

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random.random() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self._random.random() * len(options))]

    def weighted(self, weights: dict[T, float]) -> T:
        """One of the keys, as likely as its weight; written order decides, so the result is stable."""
        left = self._random.random() * sum(weights.values())
        for option, weight in weights.items():
            left -= weight
            if left < 0:
                return option
        return option

    def shuffle(self, items: list[T]) -> None:
        """Fisher-Yates, in place."""
        for i in range(len(items) - 1, 0, -1):
            j = int(self._random.random() * (i + 1))
            items[i], items[j] = items[j], items[i]

    def word(self, table: str) -> str:
        """A word from a table, held-out ones in the test file only."""
        entry = self.tables[table]
        if self.test and entry.held_out and self.chance(HELD_OUT_RATE):
            return self.pick(entry.held_out)
        return self.pick(entry.known)

    def fill(self, template: str, **given: str | Callable[[], str]) -> str:
        """Replace each {slot}, left to right: by what is given for it, else by a word from that table."""

        def slot(match: re.Match[str]) -> str:
            value = given.get(match[1])
            if value is None:
                return self.word(match[1])
            return value if isinstance(value, str) else value()

        return re.sub(r"\{(\w+)\}", slot, template)


def sentence(text: str) -> str:
    """Tidy a filled template: one space between words, 'an' before a vowel, a capital first letter."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    text = re.sub(r"([.!?] )([a-z])", lambda m: m[1] + m[2].upper(), text)
    return text[0].upper() + text[1:]


# ---------------------------------------------------------------------------------------------- film reviews

REVIEW_TABLES = {
    "good": words(
        "superb, moving, gripping, charming, funny, clever, warm, inventive, thrilling, witty",
        "luminous, spellbinding, delightful",
    ),
    "bad": words(
        "dull, clumsy, tedious, hollow, bland, predictable, messy, shallow, flat, dreary",
        "insipid, plodding, stilted",
    ),
    "good_noun": words("triumph, delight, gem, joy, treat, marvel", "knockout, revelation"),
    "bad_noun": words("slog, bore, mess, chore, letdown, misfire", "dud, shambles"),
    "good_verb": words("moved, charmed, gripped, delighted, thrilled", "enchanted"),
    "bad_verb": words("bored, tired, annoyed, irritated, wearied", "exasperated"),
    "degree": words("utterly, mildly, quietly, thoroughly, rather, deeply, fairly, truly", "supremely, faintly"),
    "negator": words("not, never, hardly, far from, anything but, hardly what I would call"),
    "noun_negator": words("not a, hardly a, anything but a, far from a, never a"),
    "whole": words("the film, the film, the movie, the picture, the whole thing, the film as a whole"),
    "part": words(
        "the acting, the score, the plot, the pacing, the dialogue, the camera work, the editing, the lead,"
        "the supporting cast, the opening, the costume design, the script, the villain, the sound design",
        "the lighting, the choreography, the narrator, the set design",
    ),
    "genre": words(
        "drama, comedy, thriller, western, musical, mystery, romance, heist story, war story, ghost story",
        "fable, satire",
    ),
    "person": words(
        "a retired sailor, a young teacher, two sisters, a night porter, a village doctor, a travelling cook,"
        "an old rival, a shy clerk, a pair of thieves, a piano tuner",
        "a beekeeper, a lighthouse keeper, a glassblower",
    ),
    "place": words(
        "a harbour town, a mountain hotel, the big city, a small island, a border village, an empty theatre,"
        "a night train, a farm in winter",
        "a desert outpost, a river barge",
    ),
    "title_first": words(
        "Lantern, Copper, Orchard, Thistle, Marble, Kettle, Saltwater, Paper", "Juniper, Cobalt, Windmill"
    ),
    "title_last": words(
        "Season, Ledger, Almanac, Staircase, Quartet, Timetable, Causeway, Inventory", "Regatta, Armoury, Lullaby"
    ),
    "other": words("my friend, the poster, my neighbour, the trailer, the row behind me, my brother", "my dentist"),
    "crew": words("the director, the writer, the studio, the producer", "the editor"),
}

OPPOSITE = {"good": "bad", "bad": "good"}
LABELS = {"good": "positive", "bad": "negative"}

DIRECT = ("is {degree} {same}", "is {same}", "is {same} from start to finish", "feels {same} and {same}")
NEGATED = ("is {negator} {anti}", "is {negator} {anti}", "never feels {anti}", "is {negator} {degree} {anti}")

VERDICTS = (
    "{whole} {says}.",
    "in the end {whole} {says}.",
    "all told, {whole} {says}.",
    "{whole}, taken together, {says}.",
)
NOUN_VERDICTS = (
    ("it is a {same_noun}, and {whole} {same_verb} me.", False),
    ("call it a {same_noun} if you ask me.", False),
    ("{whole} is a {degree} {same} {same_noun}.", False),
    ("{whole} {same_verb} me.", False),
    ("{whole} is {noun_negator} {anti_noun}.", True),
    ("{whole} never {anti_verb} me.", True),
    ("it is {noun_negator} {anti_noun}, whatever {other} says.", True),
)
CONTRASTS = (
    "{part} {part_says}, but {whole} {says}.",
    "{part} {part_says} and {part} is {anti}, but {whole} {says}.",
    "although {part} {part_says}, {whole} {says}.",
    "{whole} {says}, although {part} {part_says}.",
    "{whole} {says}, even if {part} {part_says}.",
    "granted, {part} {part_says}, yet {whole} {says}.",
    "at first it {part_says}, but in the end {whole} {says}.",
    "for an hour it {part_says}, but after that {whole} {says}.",
)
COMPARISONS = (
    "unlike {title}, which {title_says}, this one {says}.",
    "where {title} was {anti}, {whole} {says}.",
    "{whole} {says}, and {title} was {anti} next to it.",
    "{other} called it {anti}, but to me {whole} {says}.",
    "I expected something {anti}, but {whole} {says}.",
)
SARCASM = {
    "bad": (
        "oh, how {anti}: {whole} {says}.",
        "yes, very '{anti}', if you like watching paint dry, because {whole} {says}.",
        "so much for the '{anti}' {genre} we were promised: {whole} {says}.",
    ),
    "good": (
        "so '{anti}' that I stayed for the credits, because {whole} {says}.",
        "go on, call it '{anti}' again: {whole} {says}.",
        "oh no, another {anti} {genre}, I thought, and yet {whole} {says}.",
    ),
}
ASIDES = (
    "{part} {part_says}.",
    "{part} {part_says} and {part} {part_says}.",
    "I found {part} {part_word}.",
    "{title} was {part_word}, as you may remember.",
    "{other} said that {part} {part_says}.",
    "{crew} once made {title}, which {title_says}.",
    "as for {part}, it {part_says}.",
    "there is a {part_word} scene with {person}.",
)
SETTINGS = (
    "a {genre} about {person} in {place}.",
    "{person} and {person} meet in {place}.",
    "{crew} sets this {genre} in {place}.",
    "this {genre} follows {person} to {place}.",
    "I saw this after {title}, with {other} in mind.",
    "it opens in {place} and ends in {place}.",
    "{person} goes looking for {person}, and the {genre} begins.",
)
UNDECIDED = (
    "{whole} is {same} and {anti} in equal measure, and I left undecided.",
    "some will find it {anti}, some will find it {same}, and I can see both.",
    "half of it is {same}, half of it is {anti}, and I could not choose.",
    "ask me today and it is {same}, ask me tomorrow and it is {anti}.",
)

SENTENCES = {1: 0.22, 2: 0.30, 3: 0.20, 4: 0.10, 5: 0.07, 6: 0.05, 7: 0.04, 8: 0.02}
NEGATION_RATE = 0.30
UNDECIDED_RATE = 0.04
AGREEING_ASIDE_RATE = 0.85


class Reviewer:
    """Composes one review at a time: settings, asides of either polarity, and the sentences that decide."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def says(self, side: str) -> str:
        """A predicate of this polarity: said directly, or by negating the opposite."""
        forms = NEGATED if self.writer.chance(NEGATION_RATE) else DIRECT
        return self.fill(self.writer.pick(forms), side)

    def title(self) -> str:
        """A film that does not exist."""
        return self.writer.fill("The {title_first} {title_last}")

    def fill(self, template: str, side: str, aside: str | None = None) -> str:
        """Fill a template for a verdict on `side`; parts and other films get `aside`, else the opposite."""
        w, anti = self.writer, OPPOSITE[side]
        other = aside or anti

        def past() -> str:
            return re.sub(r"^(is|feels|never feels) ", _past, self.says(other))

        return w.fill(
            template,
            same=lambda: w.word(side),
            anti=lambda: w.word(anti),
            same_noun=lambda: w.word(f"{side}_noun"),
            anti_noun=lambda: w.word(f"{anti}_noun"),
            same_verb=lambda: w.word(f"{side}_verb"),
            anti_verb=lambda: w.word(f"{anti}_verb"),
            says=lambda: self.says(side),
            part_says=lambda: self.says(other),
            part_word=lambda: w.word(other),
            title_says=past,
            title=self.title,
        )

    def verdict(self, side: str) -> str:
        """A sentence that decides the label."""
        w = self.writer
        kind = w.weighted({"plain": 0.4, "noun": 0.2, "contrast": 0.22, "comparison": 0.14, "sarcasm": 0.04})
        if kind == "noun":
            negated = w.chance(NEGATION_RATE)
            return self.fill(w.pick([form for form, negates in NOUN_VERDICTS if negates == negated]), side)
        forms = {"plain": VERDICTS, "contrast": CONTRASTS, "comparison": COMPARISONS, "sarcasm": SARCASM[side]}
        return self.fill(w.pick(forms[kind]), side)

    def aside(self, side: str) -> str:
        """A sentence about a part or another film, which decides nothing."""
        w = self.writer
        return self.fill(w.pick(ASIDES), side, side if w.chance(AGREEING_ASIDE_RATE) else OPPOSITE[side])

    def review(self, side: str) -> str:
        """A whole review whose verdict is `side`, or, in a few percent, one that nobody can call."""
        w = self.writer
        count = w.weighted(SENTENCES)
        if w.chance(UNDECIDED_RATE):
            deciding = [self.fill(w.pick(UNDECIDED), w.pick(("good", "bad")))]
        else:
            number = 1 if count < 3 else w.weighted({1: 0.4, 2: 0.6}) if count < 6 else w.weighted({2: 0.6, 3: 0.4})
            deciding = [self.verdict(side) for _ in range(number)]
        filling = [
            self.fill(w.pick(SETTINGS), side) if w.chance(0.45) else self.aside(side)
            for _ in range(count - len(deciding))
        ]
        body = filling + deciding[1:]
        w.shuffle(body)
        body.insert(0 if w.chance(0.8) else len(body), deciding[0])
        return " ".join(sentence(part) for part in body)


def _past(match: re.Match[str]) -> str:
    """The past tense of the verbs that start a predicate."""
    return {"is": "was", "feels": "felt", "never feels": "never felt"}[match[1]] + " "


def reviews() -> dict[str, list[dict[str, str]]]:
    """Both review files: exactly balanced, shuffled, no text twice."""
    seen: set[str] = set()
    files = {}
    for number, (split, count) in enumerate(REVIEW_ROWS.items()):
        reviewer = Reviewer(Writer(SEED + number, REVIEW_TABLES, test=split == "test"))
        rows = []
        for i in range(count):
            side = ("good", "bad")[i % 2]
            text = fresh(seen, lambda side=side: reviewer.review(side))
            rows.append({"text": text, "label": LABELS[side]})
        reviewer.writer.shuffle(rows)
        files[split] = rows
    return files


def fresh(seen: set[str], write: Callable[[], str]) -> str:
    """Write until the text is new and of an allowed length, and remember it."""
    while True:
        text = write()
        if text not in seen and WORDS_MIN <= len(text.split()) <= WORDS_MAX:
            seen.add(text)
            return text


def contents() -> dict[str, bytes]:
    """Every generated file: its path below this folder, and its bytes."""
    return {
        f"{corpus}/{split}.jsonl": "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows).encode("ascii")
        for corpus, files in (("reviews", reviews()),)
        for split, rows in files.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files, or with --check compare them with what is on disk."""
    parser = argparse.ArgumentParser(description="Write the corpora that ship with the cards.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    check = parser.parse_args(argv).check
    different = []
    for name, data in contents().items():
        path = HERE / name
        if check:
            if not path.is_file() or path.read_bytes() != data:
                different.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    for name in different:
        print(f"{name}: differs from what generate.py writes", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
