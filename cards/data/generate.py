"""Write the corpora that ship with the cards: film reviews (two classes), news topics (four) and pairs of statements.

Why they exist: a card must be reproducible in half a minute, on two CPU cores, with no network and no licence
question. So this project writes its own text, from a seeded grammar, and commits it next to the grammar.

    python cards/data/generate.py            rewrite the files
    python cards/data/generate.py --check    exit 1, naming them, if the files on disk differ

What makes the reviews more than a word list: the label is the verdict on *the film*. The same adjectives
describe its parts, another film, other people's opinions and first impressions, and some are negated, so
counting words settles only part of the rows; which clause a word stands in settles most of the rest. A few
percent of the rows are honestly undecidable, and some words occur in the test file only.

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
from functools import partial
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
SEED = 20250
REVIEW_ROWS = {"train": 4800, "test": 1200}
TOPIC_ROWS = {"train": 1200, "test": 400}
PAIR_ROWS = {"train": 2400, "test": 600}
WORDS_MIN, WORDS_MAX = 8, 70
HELD_OUT_RATE = 0.06
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
        """Start the sequence of choices that belongs to this seed."""
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

    def fill(self, template: str, **given: Callable[[], str]) -> str:
        """Replace each {slot}: by what is given for it, else by a word from that table; nothing twice."""
        used: list[str] = []

        def slot(match: re.Match[str]) -> str:
            write = given.get(match[1], lambda: self.word(match[1]))
            text = write()
            while text in used:
                text = write()
            used.append(text)
            return text

        return re.sub(r"\{(\w+)\}", slot, template)


def sentence(text: str) -> str:
    """Tidy a filled template: 'an' before a vowel, and a capital first letter."""
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
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
        "a harbour town, a mountain hotel, the big city, an island school, a border village,"
        "an empty theatre,"
        "a railway station, a winter farmhouse",
        "a desert outpost, a river port",
    ),
    "title_first": words(
        "Lantern, Copper, Orchard, Thistle, Marble, Kettle, Saltwater, Paper", "Juniper, Cobalt, Windmill"
    ),
    "title_last": words(
        "Season, Ledger, Almanac, Staircase, Quartet, Timetable, Causeway, Inventory",
        "Regatta, Armoury, Lullaby",
    ),
    "other": words("my friend, the poster, my neighbour, the trailer, the row behind me, my brother", "my dentist"),
    "crew": words("the director, the writer, the studio, the producer", "the editor"),
}

OPPOSITE = {"good": "bad", "bad": "good"}
LABELS = {"good": "positive", "bad": "negative"}

DIRECT = ("is {degree} {same}", "is {same}", "is {same} throughout", "feels {same} and {same}")
NEGATED = {
    "good": ("is not {anti}", "is not {anti} for a moment", "is anything but {anti}", "never feels {anti}"),
    "bad": (
        "is not {anti}",
        "is hardly what I would call {anti}",
        "is far from {anti}",
        "is hardly {degree} {anti}",
    ),
}

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
    "although {part} {part_says}, {whole} {says}.",
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
    "{person} went looking for {person}, and the {genre} began.",
)
UNDECIDED = (
    "{whole} is {same} and {anti} in equal measure, and I left undecided.",
    "some will find it {anti}, some will find it {same}, and I can see both.",
    "half of it is {same}, half of it is {anti}, and I could not choose.",
    "ask me today and it is {same}, ask me tomorrow and it is {anti}.",
)

SENTENCES = {1: 0.22, 2: 0.30, 3: 0.20, 4: 0.10, 5: 0.07, 6: 0.05, 7: 0.04, 8: 0.02}
VERDICT_KINDS = {"plain": 0.35, "noun": 0.13, "contrast": 0.38, "comparison": 0.10, "sarcasm": 0.04}
SETTING_RATE = 0.6
VERDICT_FIRST_RATE = 0.8
NEGATION_RATE = 0.16
ASIDE_NEGATION_RATE = 0.02
UNDECIDED_RATE = 0.03
AGREEING_ASIDE_RATE = 0.82


class Reviewer:
    """Composes one review at a time: settings, asides of either polarity, and the sentences that decide."""

    def __init__(self, writer: Writer) -> None:
        """Draw every choice from this writer."""
        self.writer = writer

    def says(self, side: str, negation_rate: float) -> str:
        """A predicate of this polarity: said directly, or by negating the opposite."""
        forms = NEGATED[side] if self.writer.chance(negation_rate) else DIRECT
        return self.fill(self.writer.pick(forms), side)

    def title(self) -> str:
        """A film that does not exist."""
        return self.writer.fill("The {title_first} {title_last}")

    def fill(self, template: str, side: str, aside: str | None = None, negation_rate: float = 0.0) -> str:
        """Fill a template for a verdict on `side`; parts and other films get `aside`, else the opposite."""
        w, anti = self.writer, OPPOSITE[side]
        other = aside or anti

        def past() -> str:
            return re.sub(r"^(is|feels|never feels) ", _past, self.says(other, ASIDE_NEGATION_RATE))

        return w.fill(
            template,
            same=lambda: w.word(side),
            anti=lambda: w.word(anti),
            same_noun=lambda: w.word(f"{side}_noun"),
            anti_noun=lambda: w.word(f"{anti}_noun"),
            same_verb=lambda: w.word(f"{side}_verb"),
            anti_verb=lambda: w.word(f"{anti}_verb"),
            says=lambda: self.says(side, negation_rate),
            part_says=lambda: self.says(other, ASIDE_NEGATION_RATE),
            part_word=lambda: w.word(other),
            title_says=past,
            title=self.title,
        )

    def verdict(self, side: str) -> str:
        """A sentence that decides the label."""
        w = self.writer
        kind = w.weighted(VERDICT_KINDS)
        if kind == "noun":
            negated = w.chance(NEGATION_RATE)
            return self.fill(w.pick([form for form, negates in NOUN_VERDICTS if negates == negated]), side)
        forms = {
            "plain": VERDICTS,
            "contrast": CONTRASTS,
            "comparison": COMPARISONS,
            "sarcasm": SARCASM[side],
        }
        rate = NEGATION_RATE if kind == "plain" else ASIDE_NEGATION_RATE
        return self.fill(w.pick(forms[kind]), side, negation_rate=rate)

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
            number = 1 if count < 4 else 2
            deciding = [self.verdict(side) for _ in range(number)]
        filling = [
            self.fill(w.pick(SETTINGS), side) if w.chance(SETTING_RATE) else self.aside(side)
            for _ in range(count - len(deciding))
        ]
        body = filling + deciding[1:]
        w.shuffle(body)
        body.insert(0 if w.chance(VERDICT_FIRST_RATE) else len(body), deciding[0])
        return " ".join(sentence(part) for part in body)


def _past(match: re.Match[str]) -> str:
    """The past tense of the verbs that start a predicate."""
    return {"is": "was", "feels": "felt", "never feels": "never felt"}[match[1]] + " "


def reviews() -> dict[str, list[dict[str, str]]]:
    """Both review files."""

    def writers(writer: Writer) -> dict[str, Callable[[], str]]:
        reviewer = Reviewer(writer)
        return {label: partial(reviewer.review, side) for side, label in LABELS.items()}

    return corpus(REVIEW_ROWS, REVIEW_TABLES, writers, SEED)


# ----------------------------------------------------------------------------------------------- news topics

TOPIC_LABELS = {"world": "World", "sports": "Sports", "business": "Business", "science": "Sci/Tech"}

TOPIC_TABLES = {
    "day": words("on Monday, on Tuesday, on Wednesday, on Thursday, on Friday, at the weekend"),
    "place": words(
        "the capital, the northern province, the port city, the island republic, the border region,the old town",
        "the river delta, the lakeside canton",
    ),
    "source": words("officials, a spokesman, two people close to the talks, a statement, local radio, organisers"),
    "turn": words("a record, a setback, a surprise, a first, a new start, a long race, a close result"),
    "world_who": words(
        "ministers, envoys, election observers, border guards, aid workers, opposition leaders,the parliament",
        "peacekeepers, consuls",
    ),
    "world_did": words("opened talks on, rejected, signed, delayed, voted on, won backing for, closed the door on"),
    "world_what": words(
        "a ceasefire plan, the border treaty, a new constitution, the refugee deal, the prisoner exchange,"
        "emergency rule",
        "the embargo, an amnesty",
    ),
    "sports_who": words(
        "the home side, the champions, the visiting team, a teenage striker, the relay squad,the veteran coach",
        "the goalkeeper, the rowing crew",
    ),
    "sports_did": words("won, lost, delayed, closed in on, led, opened, rejected a change to"),
    "sports_what": words(
        "the cup final, the league race, the opening match, the marathon, the second leg, the title fight",
        "the regatta, the penalty shootout",
    ),
    "business_who": words(
        "the airline, investors, a retail chain, the central bank, the steel maker, shareholders,a chip maker",
        "the insurer, brokers",
    ),
    "business_did": words("rejected, signed, delayed, opened talks on, voted on, closed, won backing for"),
    "business_what": words(
        "a takeover bid, the merger, a share sale, the quarterly dividend, a cut in interest rates,the wage deal",
        "the bond issue, a loan guarantee",
    ),
    "science_who": words(
        "astronomers, engineers, a software maker, the research team, biologists, the space agency",
        "botanists, cryptographers",
    ),
    "science_did": words("launched, delayed, tested, opened, closed in on, led the race for, won backing for"),
    "science_what": words(
        "a lunar probe, the browser update, a gene map, the search engine, a faster processor,a weather satellite",
        "the fusion reactor, a deep sea camera",
    ),
}

LEADS = (
    "{who} {did} {what} {day}.",
    "{who} {did} {what} in {place}.",
    "{what}: {who} set to decide {day}, {source} said.",
    "{place}: {who} {did} {what}.",
    "{source} said {day} that {who} had {did} {what}.",
    "it was {turn} for {who} {day}.",
    "{source} in {place} called {what} {turn}.",
)
MORE = (
    "{source} called it {turn} for {who}.",
    "{source} in {place} expected {turn}.",
    "the news came {day}, and {who} had no comment.",
    "it is {turn}, {source} said.",
    "a decision on {what} is due {day}.",
)
ELSEWHERE = (
    "elsewhere, {who} {did} {what}.",
    "in other news, {who} {did} {what} {day}.",
    "the story took the place of a report on {what}.",
    "readers had waited for news of {who} instead.",
)
BOTH = ("{who} {did} {what} as {who2} {did2} {what2} {day}.",)

ELSEWHERE_RATE = 0.35
TWO_TOPICS_RATE = 0.05


class Reporter:
    """Composes one news item at a time: a lead that decides the topic, then details, some of other topics."""

    def __init__(self, writer: Writer) -> None:
        """Draw every choice from this writer."""
        self.writer = writer

    def fill(self, template: str, topic: str, second: str = "") -> str:
        """Fill a template with the words of one topic, or of two."""
        w = self.writer
        return w.fill(
            template,
            who=lambda: w.word(f"{topic}_who"),
            did=lambda: w.word(f"{topic}_did"),
            what=lambda: w.word(f"{topic}_what"),
            who2=lambda: w.word(f"{second}_who"),
            did2=lambda: w.word(f"{second}_did"),
            what2=lambda: w.word(f"{second}_what"),
        )

    def item(self, topic: str) -> str:
        """A whole item; in a few percent it reports two topics alike, and either label would do."""
        w = self.writer
        other = w.pick([name for name in TOPIC_LABELS if name != topic])
        if w.chance(TWO_TOPICS_RATE):
            pair = (topic, other) if w.chance(0.5) else (other, topic)
            parts = [self.fill(w.pick(BOTH), *pair)]
        else:
            parts = [self.fill(w.pick(LEADS), topic)]
        parts += [self.fill(w.pick(MORE), topic) for _ in range(w.pick((0, 1, 1, 2)))]
        if w.chance(ELSEWHERE_RATE):
            parts.append(self.fill(w.pick(ELSEWHERE), other))
        return " ".join(sentence(part) for part in parts)


def topics() -> dict[str, list[dict[str, str]]]:
    """Both topic files."""

    def writers(writer: Writer) -> dict[str, Callable[[], str]]:
        reporter = Reporter(writer)
        return {label: partial(reporter.item, topic) for topic, label in TOPIC_LABELS.items()}

    return corpus(TOPIC_ROWS, TOPIC_TABLES, writers, SEED + 100)


# -------------------------------------------------------------------------------------- pairs of statements

PAIR_LABELS = {True: "agrees", False: "contradicts"}

PAIR_TABLES = {
    "thing": words(
        "kettle, chair, lamp, coat, clock, bowl, ladder, drum, basket, table, bench, cup, door, fence, boat, hat,"
        "spoon, bottle, ribbon, wagon",
        "trunk, kite, vase, barrel, stool, crate",
    ),
    "colour": words("red, blue, green, yellow, white, black"),
}

REPORTS = (
    "the {thing} is {colour}.",
    "a {colour} {thing} was there.",
    "my {thing} was painted {colour}.",
    "I saw a {colour} {thing}.",
)
STATEMENTS = ("it is {colour}.", "a {colour} one.", "the {thing} is {colour}.", "it was all {colour}.")


def four(writer: Writer) -> list[tuple[str, str, bool]]:
    """A thing in two colours, each reported and each stated: every report with every statement, and whether they agree.

    Every text so stands once in a row of either label: by itself it says nothing about the label.
    """
    thing, one = writer.word("thing"), writer.word("colour")
    other = writer.pick([colour for colour in PAIR_TABLES["colour"].known if colour != one])
    report, statement = writer.pick(REPORTS), writer.pick(STATEMENTS)
    return [
        (
            sentence(report.format(thing=thing, colour=told)),
            sentence(statement.format(thing=thing, colour=said)),
            told == said,
        )
        for told in (one, other)
        for said in (one, other)
    ]


def pairs() -> dict[str, list[dict[str, str]]]:
    """Both files of pairs: no pair stands twice within or across them."""
    seen: set[tuple[str, str]] = set()
    files = {}
    for number, (split, count) in enumerate(PAIR_ROWS.items()):
        writer = Writer(SEED + 200 + number, PAIR_TABLES, test=split == "test")
        rows: list[dict[str, str]] = []
        while len(rows) < count:
            new = four(writer)
            if not any((report, statement) in seen for report, statement, _ in new):
                seen.update((report, statement) for report, statement, _ in new)
                rows += [{"text": one, "text_pair": two, "label": PAIR_LABELS[agree]} for one, two, agree in new]
        writer.shuffle(rows)
        files[split] = rows
    return files


# ------------------------------------------------------------------------------------------------------ files


def corpus(
    sizes: dict[str, int],
    tables: dict[str, Words],
    writers: Callable[[Writer], dict[str, Callable[[], str]]],
    seed: int,
) -> dict[str, list[dict[str, str]]]:
    """The rows of each file: the labels in equal parts, shuffled, no text twice within or across files."""
    seen: set[str] = set()
    files = {}
    for number, (split, count) in enumerate(sizes.items()):
        writer = Writer(seed + number, tables, test=split == "test")
        write = list(writers(writer).items())
        rows = []
        for i in range(count):
            label, compose = write[i % len(write)]
            rows.append({"text": fresh(seen, compose), "label": label})
        writer.shuffle(rows)
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
        f"{folder}/{split}.jsonl": b"".join(json.dumps(row).encode("ascii") + b"\n" for row in rows)
        for folder, files in (("reviews", reviews()), ("topics", topics()), ("pairs", pairs()))
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
