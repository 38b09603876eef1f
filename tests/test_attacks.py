"""What comes in from others is refused in words or ends as harmless text: every file under `attacks/` is one attack.

A file lies in the folder of the surface that it attacks and is named `<kind>--<what>`. It says itself how it must end:
`attack: harmless`, or `attack: refused`, with an exit code other than 2 and words of the refusal if wanted:
`attack: refused 3 "the words"`. In it `@@canary@@` is a file that an attack would make, `@@tokenfile@@` one that holds
a token, `@@token@@` a token, `@@folder@@` the folder of the test, and `@@repeat 9 x@@` nine `x`.
"""

from __future__ import annotations

import json
import pickle
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from command import Answer, replicard, write_reviews
from conftest import CARD, save_base
from hub_server import Hub, take_for_the_hub
from records import finished

from registry.errors import ReplicardError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ATTACKS = Path(__file__).parent / "attacks"
TOKEN = "hf_" + "uB4nR7wK2xQ9mT5vL8cJ3dF6hG1sP0zY4a"
KINDS = {
    "template-code", "html", "markdown", "path-escape", "symlink", "yaml-bomb", "yaml-tags", "pickle", "remote-code",
    "token-exfiltration", "terminal", "oversized", "nested", "homoglyph", "bidi",
}  # fmt: skip
NOT_SHOWN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
"""What moves a terminal's cursor, or turns or hides what stands around it."""


OURS = re.compile(r"<!-- (Rendered by replicard \([0-9a-f]{16}\)|replicard)[^<>]*-->\n?")
"""The comments that replicard itself writes."""


class Attack(NamedTuple):
    """An attack and how it must end.

    Attributes:
        text: Its file, with what is filled in.
        harmless: Whether it may pass, as text.
        code: Exit code of the refusal.
        words: What the refusal says.
    """

    text: str
    harmless: bool
    code: int
    words: str

    def refused_by(self, answer: Answer) -> None:
        """See that a command refused it, in lines that anybody can read."""
        assert answer.code == self.code, answer.err or answer.out
        assert self.words in answer.err
        assert answer.err.strip()


class Place(NamedTuple):
    """Where an attack happens: the folder of the test, and what it would get at."""

    folder: Path
    canary: Path
    secret: Path


def of(surface: str) -> pytest.MarkDecorator:
    """The files that attack a surface."""
    files = sorted((ATTACKS / surface).iterdir())
    return pytest.mark.parametrize("file", files, ids=[file.stem for file in files])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A folder with a token in a file beside it, in which afterwards nothing was made or told."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    there = Place(tmp_path, tmp_path / "canary", tmp_path / "secret.txt")
    there.secret.write_text(TOKEN)
    yield there
    assert not there.canary.exists(), "its code was run"


def read(file: Path, place: Place) -> Attack:
    """An attack, with the places of this test in it."""
    raw = file.read_bytes().decode()
    found = re.search(r'attack"?: "?(harmless|refused)(?: (\d))?(?: \\?"(.*?)\\?")?', raw)
    assert found is not None, "it does not say how it must end"
    text = raw
    for name, value in (
        ("canary", place.canary), ("tokenfile", place.secret), ("token", TOKEN), ("folder", place.folder)
    ):  # fmt: skip
        text = text.replace(f"@@{name}@@", str(value))
    text = re.sub(r"@@repeat (\d+) (.+?)@@", lambda m: m[2] * int(m[1]), text)
    return Attack(text, found[1] == "harmless", int(found[2] or 2), found[3] or "")


def clean(*texts: str) -> None:
    """See that texts neither move a cursor nor tell the token."""
    for text in texts:
        shown = NOT_SHOWN.search(text)
        assert shown is None, f"{shown.group()!r} in {text[max(0, shown.start() - 60) : shown.end() + 20]!r}"
        assert TOKEN not in text


def is_refusal(attack: Attack, error: ReplicardError) -> None:
    """Hold a refusal to what the attack's file says."""
    lines = [str(problem) for problem in error.problems]
    clean(*lines)
    assert not attack.harmless, lines
    assert error.exit_code == attack.code
    assert attack.words in "\n".join(lines)


def ask(*arguments: object) -> Answer:
    """A command, whose output is clean and whose errors are lines."""
    answer = replicard(*arguments)
    clean(answer.out, answer.err)
    assert "Traceback" not in answer.err
    assert answer.code != 4, answer.err
    return answer


def inert(page: str) -> None:
    """See that a page of Markdown shows an attack as text, and loads and links nothing of it."""
    from markdown_it import MarkdownIt

    clean(page)
    body = page.partition("\n---\n")[2] if page.startswith("---\n") else page
    for token in MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(body):
        for one in (token, *(token.children or ())):
            assert not one.type.startswith("html") or OURS.fullmatch(one.content), one.content
            address = str(one.attrs.get("href") or one.attrs.get("src") or "")
            assert "evil" not in address, address
            assert not address.startswith(("javascript:", "data:")), address


def annotated(text: str) -> None:
    """See that every line is one of our annotations."""
    for line in text.splitlines():
        assert re.match(r"::(error|warning|notice) ", line), line


def test_every_attack_is_of_a_kind_and_every_kind_is_tried_several_times() -> None:
    tried: dict[str, int] = {}
    for file in ATTACKS.glob("*/*"):
        kind = file.stem.partition("--")[0]
        tried[kind] = tried.get(kind, 0) + 1
    assert set(tried) == KINDS
    assert min(tried.values()) >= 4, tried


# Cards


@pytest.mark.slow
@of("card")
def test_a_card(file: Path, place: Place) -> None:
    attack = read(file, place)
    write_reviews(place.folder / "cards/reviews")
    card = place.folder / "cards/attack.yaml"
    card.write_text(attack.text)
    if not attack.harmless:
        valid = ask("validate", card)
        attack.refused_by(valid if valid.code else ask("lock", card))
        if valid.code:
            annotated(ask("validate", card, "--format", "github").out)
        for verb in ("show", "plan", "audit --static"):
            ask(*verb.split(), card)
        assert set(place.folder.iterdir()) <= {place.folder / "cards", place.secret}
        return
    for verb in ("validate", "show", "show --json", "plan", "audit --static", "audit --static --json"):
        name, *options = verb.split()
        answer = ask(name, card, *options)
        assert answer.code == 0, answer.err
    annotated(ask("audit", "--static", card, "--format", "github").out)
    inert(ask("audit", "--static", card, "--format", "markdown").out)
    for page in rendered(card, place.folder / "runs"):
        (inert if page.suffix == ".md" else clean)(page.read_text())


def rendered(card: Path, runs: Path) -> Iterable[Path]:
    """The README and the audit of a run of a card, with numbers that stand for it."""
    from runner.plugins import load_card

    loaded = load_card(card).card
    run = finished(loaded, runs, {loaded.training.seed: 0.85}, hub=True)
    answer = ask("render", run.card, "--runs", runs)
    assert answer.code == 0, answer.err
    assert ask("audit", run.card, "--runs", runs).code == 0
    return run.over_seeds / "README.md", run.over_seeds / "audit.json"


# READMEs of others


@of("readme")
def test_a_readme(file: Path, place: Place) -> None:
    attack = read(file, place)
    page = place.folder / "README.md"
    page.write_bytes(attack.text.encode())
    answer = ask("audit", "--static", page)
    if not attack.harmless:
        attack.refused_by(answer)
        return
    assert answer.code == 0, answer.err
    annotated(ask("audit", "--static", page, "--format", "github").out)
    inert(ask("audit", "--static", page, "--format", "markdown").out)
    for form in ("json", "jsonl"):
        json.loads(ask("audit", "--static", page, "--format", form).out)


# Models of others: tokenizers, configurations, weights


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with its tokenizer."""
    return save_base(tmp_path_factory.mktemp("published") / "model", "bert")


class Payload:
    """What runs code when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


@pytest.mark.slow
@of("model")
def test_a_model(file: Path, place: Place, published: Path) -> None:
    attack = read(file, place)
    said = json.loads(file.read_text() if '"raw"' in attack.text else attack.text)
    folder = Path(shutil.copytree(published, place.folder / "model"))
    spoil(folder / said["file"], said, attack, place)
    for name in said.get("without", ()):
        (folder / name).unlink()
    for name, content in said.get("beside", {}).items():
        (folder / name).write_text(content)
    try:
        made = take_up(folder, bool(said.get("consent")), place.folder / "saved")
    except ReplicardError as error:
        is_refusal(attack, error)
        return
    assert attack.harmless, "it was taken"
    for path in made.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
            assert b"auto_map" not in path.read_bytes(), path


def spoil(path: Path, said: dict[str, Any], attack: Attack, place: Place) -> None:
    if said.get("pickle"):
        path.write_bytes(pickle.dumps(Payload(place.canary)))
    elif "raw" in said:
        path.write_text(re.sub(r"@@repeat (\d+) (.+?)@@", lambda m: m[2] * int(m[1]), said["raw"]))
    else:
        path.write_text(json.dumps({**json.loads(path.read_bytes()), **said["set"]}))


def take_up(folder: Path, consent: bool, saved: Path) -> Path:
    """What a run does with a base: its files, its tokenizer, its configuration and weights, and saving all of that."""
    from jinja2.exceptions import TemplateError

    from runner import fetching, model
    from runner.plugins import load_card

    base = {"model": folder.name, "allow_pickle": consent, "head": "new"}
    card = folder.parent / "tiny.yaml"
    card.write_text(json.dumps({**CARD, "base": base}))
    write_reviews(folder.parent / "rows")
    loaded = load_card(card)
    snapshot = fetching.fetch_base(loaded)
    tokenizer = model.load_tokenizer(folder, loaded.card)
    built = model.build(loaded.card, snapshot, tokenizer, saved / "base")
    tokenizer("a superb film")
    if tokenizer.chat_template:
        # Nothing of ours does this; it is the library's sandbox that is tried.
        with pytest.raises(TemplateError):
            tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)
    model.save(built, tokenizer, loaded.card, snapshot, saved)
    return saved


# Datasets of others


@pytest.mark.slow
@of("dataset")
def test_a_dataset(file: Path, place: Place) -> None:
    from runner import fetching
    from runner.data import load_parts
    from runner.plugins import load_card

    attack = read(file, place)
    folder = write_reviews(place.folder / "rows")
    shutil.copytree(folder, place.folder / "secret")
    (place.folder / "secret/train.jsonl").rename(place.folder / "secret/rows.jsonl")
    (folder / "rows.pkl").write_bytes(pickle.dumps(Payload(place.canary)))
    (folder / ("README.md" if file.suffix == ".md" else "rows.py")).write_text(attack.text)
    (place.folder / "tiny.yaml").write_text(json.dumps(CARD))
    loaded = load_card(place.folder / "tiny.yaml")
    try:
        parts = load_parts(loaded, fetching.fetch_dataset(loaded))
    except ReplicardError as error:
        is_refusal(attack, error)
        return
    assert attack.harmless, "it was taken"
    assert parts.rows.train == 200


# Repos of others: their names, and the names of their files


@pytest.mark.slow
@of("repo")
def test_a_repo(file: Path, place: Place, published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    attack = read(file, place)
    said = json.loads(attack.text)
    name = said.get("name", "tester/model")
    write_reviews(place.folder / "cards/rows")
    card = place.folder / "cards/tiny.yaml"
    card.write_text(json.dumps(CARD))
    cache = place.folder / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with Hub() as hub:
        hub.add("models", "tester/model", {**files_of(published, said, place), "README.md": b"Accuracy: 0.9\n"})
        take_for_the_hub(monkeypatch, hub.endpoint)
        answers = [
            ask("audit", card, "--weights", f"hub:{name}", "--runs", place.folder / "runs"),
            ask("verify", f"hub:{name}"),
            ask("audit", "--static", f"hub:{name}"),
        ]
    assert {path.name for path in place.folder.iterdir()} <= {"cards", "cache", "runs", "secret.txt", "escaped.json"}
    assert not (place.folder / "escaped.json").exists()
    assert not list(Path("/tmp").glob("escaped*"))
    if attack.harmless:
        assert answers[0].code == 0, answers[0].err
        return
    for answer in answers if "name" in said else [max(answers, key=lambda one: one.code)]:
        attack.refused_by(answer)


def files_of(published: Path, said: dict[str, Any], place: Place) -> dict[str, bytes]:
    """The files of a repo that an attack names, beside those of a real model."""
    own = {path.name: path.read_bytes() for path in published.iterdir() if path.name not in said.get("without", ())}
    evil = pickle.dumps(Payload(place.canary))
    return own | {n: evil if content == "pickle" else content.encode() for n, content in said.get("files", {}).items()}


# Folders of runs that somebody put something into


@of("run")
def test_a_run_to_publish(file: Path, place: Place) -> None:
    import torch
    from safetensors.torch import save_file

    from runner.publishing import select
    from runner.runs import Run

    attack = read(file, place)
    said = json.loads(attack.text)
    run = Run(place.folder / "runs", "tiny", "0123456789ab", 42)
    for folder in (run.model, run.plots):
        folder.mkdir(parents=True)
    (run.over_seeds / "README.md").write_text("# tiny\n")
    run.record.write_text("{}")
    save_file({"weight": torch.ones(2)}, run.model / "model.safetensors")
    (run.model / "config.json").write_text("{}")
    for name, target in said.get("links", {}).items():
        path = run.over_seeds / name
        (shutil.rmtree if path.is_dir() else lambda p: p.unlink(missing_ok=True))(path)
        path.symlink_to(target)
    for name, content in said.get("files", {}).items():
        evil = pickle.dumps(Payload(place.canary))
        (run.over_seeds / name).write_bytes(evil if content == "pickle" else content.encode())
    with pytest.raises(ReplicardError) as caught:
        select(run)
    lines = [str(problem) for problem in caught.value.problems]
    clean(*lines)
    assert attack.words in "\n".join(lines)
