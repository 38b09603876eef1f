"""What README.md and docs/ say is so: commands run, examples work, links lead somewhere, pages are current."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import typer
import yaml
from command import REPO
from hub_server import Account, Hub
from markdown_it import MarkdownIt

from registry.finding import find
from runner import audit_readme, judging, reference
from runner.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = sorted(
    file for file in (*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")) if file.name not in ("AGENTS.md", "CLAUDE.md")
)

NOT_RUN = {
    # What a line begins with → why it is not run here. It must parse all the same, if it is replicard's.
    "pip wheel": "it fetches gigabytes",
    "pip install": "tests install into no environment; test_elsewhere.py and `make` do",
    "python3 -m venv": "the same",
    "make ": "it makes its own environment; .ci/run runs it",
    "replicard reproduce minilm-l6": "needs a base and a dataset of the Hub; test_real.py runs it",
    "replicard lock minilm-l6": "asks the Hub for them",
    "replicard rehearse my-reviews": "a minute; test_rehearse.py rehearses every shipped card",
    "replicard render quickstart --check": "needs a run; the tutorial checks one",
    "replicard audit --static hub:distilbert": "needs the Hub; test_static.py audits a repo of the loopback one",
    "replicard init my-reviews --dataset data/reviews --labels negative,positive --base": "needs the Hub",
}
"""The commands of the docs that are only parsed."""

TOLD = {"docs/tutorial.md": (r"accuracy +90% +not checked +0\.94", "verdict: higher", "checked +13 hashes")}
"""What the text of a page says that its commands print."""

ONLY_PARSED = {
    # Page → why its commands are not run here, but only parsed.
    "docs/adding.md": "they need rows that a reader brings",
    "docs/study.md": "they need a corpus",
    "docs/clusters.md": "Ray listens on every interface; test_ray.py and test_hf_jobs.py run them",
    "docs/nightly.md": "every card over five seeds takes hours; test_nightly.py runs them on one",
    "docs/scale.md": "every card, and several devices; test_fanout.py and test_launching.py run the like",
    "docs/howto/gpus.md": "they need GPUs; test_launching.py runs two processes",
    "docs/howto/cluster.md": "they need a cluster; test_ray.py runs one",
    "docs/site.md": "it asks for a repo of the Hub; test_site.py builds one",
}

PRELUDE = """
set -e
small() {  # a verb that trains gets few rows, one epoch and two seeds
    case "$1" in
        reproduce|train) python -m runner.cli "${@/0..4/0..1}" --set training.epochs=1 --set data.limit.train=96 \\
            --set data.limit.test=64 --set 'evaluation.metrics=[accuracy]' --set evaluation.slices=null ;;
        *) python -m runner.cli "$@" ;;
    esac
}
replicard() {
    case "$2" in
        quickstart|my-reviews) small "$@" ;;
        *) python -m runner.cli "$@" ;;
    esac
}
"""


class Block(NamedTuple):
    """A code block: its page, line, language and text."""

    page: str
    line: int
    language: str
    text: str


def blocks(*languages: str) -> list[Block]:
    """The code blocks of all pages in these languages."""
    found = []
    for page in PAGES:
        for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
            if token.type == "fence" and token.info.split(" ")[0] in languages:
                name = page.relative_to(REPO).as_posix()
                found.append(Block(name, (token.map or [0])[0] + 1, token.info, token.content))
    return found


def commands(block: Block) -> Iterator[str]:
    """The commands of a block, as a shell reads them: here documents and what is printed left out."""
    text = re.sub(r"<<'EOF'.*?\nEOF\n", "\n", block.text, flags=re.DOTALL).replace("\\\n", " ")
    lines = text.splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    yield from (line for line in lines if line.strip() and not line.startswith("#"))


def is_run(line: str) -> bool:
    """Whether a command of the docs is run here."""
    bare = re.sub(r"^(\w+=\S+ )+", "", line)
    return not any(bare.startswith(begin) for begin in NOT_RUN)


def replicards(line: str) -> list[list[str]]:
    """The arguments of each `replicard` in a line of shell."""
    words = shlex.split(re.sub(r"\$\{?\w+(:-(\w+))?\}?", lambda found: found[2] or "x", line), comments=True)
    groups: list[list[str]] = [[]]
    for word in words:
        if word in ("&", "&&", "|", ";"):
            groups.append([])
        else:
            groups[-1].append(word)
    bare = [[word for word in group if not re.match(r"^[A-Z_]+=", word)] for group in groups]
    return [group[1:] for group in bare if group and group[0] == "replicard"]


LINES = [
    pytest.param(words, id=f"{block.page}:{block.line}: {' '.join(words)[:60]}")
    for block in blocks("bash", "console", "sh")
    for line in commands(block)
    for words in replicards(line)
]


def test_there_are_commands_in_the_docs() -> None:
    assert len(LINES) > 30


@pytest.mark.parametrize("words", LINES)
def test_every_command_of_the_docs_parses(words: list[str]) -> None:
    group: Any = typer.main.get_command(app)
    if words[:1] in (["--help"], ["--install-completion"]):
        return
    assert words[0] in group.commands, words
    command = group.commands[words[0]]
    if words[1:] != ["--help"]:
        command.make_context(words[0], words[1:])


@pytest.mark.parametrize("words", [line for line in LINES if line.values[0][0] == "reproduce" and "*" in str(line)])
def test_every_pattern_of_the_docs_means_cards(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    assert all(find(word) for word in words if "*" in word)


def test_every_reason_for_not_running_a_command_is_of_a_command() -> None:
    lines = [re.sub(r"^(\w+=\S+ )+", "", line) for block in blocks("bash") for line in commands(block)]
    assert [begin for begin in NOT_RUN if not any(line.startswith(begin) for line in lines)] == []


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub on which `me` may write."""
    with Hub() as served:
        served.accounts["secret"] = Account("me")
        yield served


def scripts() -> list[Any]:
    """A script for each page with commands that are run here, its blocks one after the other."""
    made: dict[str, list[str]] = {}
    for block in blocks("bash"):
        if block.page in ONLY_PARSED:
            continue
        documents = iter(re.findall(r"<<'EOF'\n.*?\nEOF\n", block.text, re.DOTALL))
        for line in filter(is_run, commands(block)):
            reads = re.search(re.escape(line.rstrip()) + r" <<'EOF'", block.text)
            made.setdefault(block.page, []).append(f"{line.rstrip()} {next(documents)}" if reads else line)
    return [pytest.param(page, lines, id=page) for page, lines in made.items()]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "lines"), scripts())
def test_the_commands_of_a_page_run_one_after_the_other(page: str, lines: list[str], tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/imdb").symlink_to(REPO / "cards/imdb")
    for name in ("README.md", "bench"):
        (tmp_path / name).symlink_to(REPO / name)
    script = tmp_path / "script.sh"
    script.write_text(PRELUDE + "\n".join(f"echo {shlex.quote('$ ' + line)}\n{line}" for line in lines))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPO),
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": "secret",
        "HF_HUB_DISABLE_XET": "1",
    }
    done = subprocess.run(
        ["bash", str(script)], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for told in TOLD.get(page, ()):
        assert re.search(told, done.stdout), told


@pytest.mark.slow
def test_the_examples_of_the_python_interface_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = [block.text for block in blocks("python") if block.page == "docs/api.md"]
    assert len(examples) == 3
    for example in examples:
        done = subprocess.run(
            [sys.executable, "-c", example], env={**os.environ, "PYTHONPATH": str(REPO)}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout
    assert "accuracy" in done.stdout


def test_what_the_packages_name_is_imported_when_it_is_asked_for() -> None:
    code = (
        "import registry, runner, sys; print(sorted({'pydantic', 'torch', 'typer', 'runner.api'} & set(sys.modules)))"
    )
    code += "\nprint(runner.audit_readme('# A model').verdict, sorted(dir(runner))[0], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO)
    first, second = done.stdout.splitlines()
    assert first == "[]"
    assert second.endswith("False")


# Generated pages


def test_the_references_are_current() -> None:
    assert (REPO / "docs/cli.md").read_text() == reference.cli()
    assert (REPO / "docs/api.md").read_text() == reference.api()


def test_every_decision_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    assert (REPO / "docs/decisions/index.md").read_text() == reference.decisions()


def test_the_table_of_the_seed_cards_is_current() -> None:
    """But for its last column and the one before, which are of runs."""
    sys.path.insert(0, str(REPO / "bench"))
    try:
        from seed_table import BEGIN, END, SEEDS, table
    finally:
        sys.path.pop(0)
    made = table(Path("no runs"))
    shown = (REPO / "README.md").read_text().partition(BEGIN)[2].partition(END)[0]
    ours, theirs = ([line.split(" | ")[:4] for line in text.splitlines() if "| `" in line] for text in (made, shown))
    assert len(ours) == len(SEEDS)
    assert ours == theirs


def test_the_readme_opens_with_what_the_audit_of_the_sources_finds() -> None:
    files = sorted((REPO / "cards/imdb/sources").iterdir())
    found = Counter(
        (finding.verdict, file.stem)
        for file in files
        for finding in audit_readme(file.read_text(encoding="utf-8"), file.name).findings
        if finding.verdict in ("impossible", "suspicious")
    )
    page = (REPO / "README.md").read_text()
    told, name = Counter[tuple[str, str]](), ""
    for row in re.findall(r"(?m)^\|(?: `([\w.-]+)`)? \| .* \| (.*) \|$", page.partition("## The two commands")[0]):
        name = row[0] or name
        told.update((verdict, name) for verdict in ("impossible", "suspicious") if verdict in row[1].split(":")[0])
    assert told == found
    assert len(files) == 5
    assert "reads five model cards" in page
    counts = Counter(verdict for verdict, _ in found.elements())
    assert counts == {"impossible": 1, "suspicious": 4}
    assert "finds an impossible number and four suspicious statements" in page


def test_the_figures_of_the_worked_example_are_those_of_the_code() -> None:
    page = (REPO / "docs/verdicts.md").read_text()
    values = [0.8512, 0.8468, 0.8530, 0.8494, 0.8476]
    assert "    " + "  ".join(f"{value:.4f}" for value in values) in page
    told = {"reproduced": (0.8495, 0.8505, 0.851), "consistent": (0.845, 0.855, 0.86), "lower": (0.8695, 0.8705, 0.871)}
    for verdict, (low, high, cut) in told.items():
        found = judging.compare(low, high, values, cut=cut)
        assert judging.judge(found, 0.01, found.p) == verdict
    one = judging.compare(0.8495, 0.8505, values[:1], cut=0.851)
    assert judging.judge(one, 0.01, one.p) == "inconclusive"
    same, lower = judging.compare(0.8495, 0.8505, values, cut=0.851), judging.compare(0.8695, 0.8705, values, cut=0.871)
    half = judging._quantile(0.95, 4) * same.se_of_means
    for figure in (
        f"mean is {same.mean:.4f}", f"s = {same.sd:.5f}", f"s/√5 = {same.se_of_means:.5f}", f"±{half:.4f}",
        f"t(0.95; 4) = {judging._quantile(0.95, 4):.3f}", f"{same.farthest:.4f} + {half:.4f}",
        f"mean is {-lower.nearest:.4f} below", f"√(1 + 1/5) = {lower.se_of_claim:.5f}",
        f"= {-lower.nearest / lower.se_of_claim:.1f} standard errors", f"p = {lower.p:.3f}",
    ):  # fmt: skip
        assert figure in " ".join(page.split()), figure


# What stands beside the code


def test_the_citation_is_of_this_version_and_names_no_invented_person() -> None:
    citation = yaml.safe_load((REPO / "CITATION.cff").read_text())
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["authors"] == [{"name": "The replicard developers"}]


@pytest.mark.parametrize("name", ["claim-i-doubt", "card-to-add"])
def test_an_issue_template_is_a_form(name: str) -> None:
    form = yaml.safe_load((REPO / f".github/ISSUE_TEMPLATE/{name}.yml").read_text())
    assert {"name", "description", "body"} <= form.keys()
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    for field in form["body"]:
        assert field["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert field["attributes"]["label"]
        assert field["type"] not in ("dropdown", "checkboxes") or field["attributes"]["options"]


def test_the_license_is_the_whole_apache_license() -> None:
    text = (REPO / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


# Reading


def test_a_newcomer_reads_no_more_than_a_hundred_and_fifty_lines() -> None:
    assert len((REPO / "README.md").read_text().splitlines()) <= 150


def anchors(page: Path) -> set[str]:
    """What a link may name on a page: its headings as GitHub writes them, and anchors of its own."""
    text = page.read_text(encoding="utf-8")
    tokens = MarkdownIt().parse(text)
    heads = [tokens[index + 1].content for index, token in enumerate(tokens) if token.type == "heading_open"]
    slugs = {re.sub(r"[^\w\- ]", "", head.replace("`", "")).strip().lower().replace(" ", "-") for head in heads}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    parser = MarkdownIt().enable("table")
    inline = [child for token in parser.parse(page.read_text(encoding="utf-8")) for child in token.children or ()]
    links = [
        str(one.attrs.get("href") or one.attrs.get("src") or "") for one in inline if one.type in ("link_open", "image")
    ]
    for link in links:
        if re.match(r"^[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


@pytest.mark.slow
def test_the_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "pages")],
        cwd=REPO, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages/howto/ci.html").exists()
    outside = re.findall(
        r'(?:src|href)="(https?://[^"]+\.(?:js|css|woff2?)[^"]*)"', (tmp_path / "pages/index.html").read_text()
    )
    assert outside == []  # nothing is loaded from elsewhere
