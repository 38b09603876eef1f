"""The shape of the code: what is imported when, and by whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
HEAVY = {"torch", "transformers", "datasets", "sklearn", "peft", "bitsandbytes", "accelerate", "evaluate", "scipy"}
NETWORK = {"huggingface_hub", "requests", "httpx", "httpx2", "urllib", "http", "socket", "aiohttp"}


def imports(file: Path) -> set[str]:
    """Top-level packages that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["reproduce", "--help"],
        ["ls"],
        ["validate", "*"],
        ["show", "quickstart"],
        ["show", "jamander-project-blockbuster", "--json"],
        ["diff", "quickstart", "quickstart-topics"],
        ["init", "mine", "--like", "quickstart", "--dry-run"],
        ["schema"],
        ["schema", "--format", "markdown"],
    ],
)
def test_a_verb_that_only_reads_cards_imports_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["replicard", *{arguments}]
from runner.cli import main
try:
    main()
finally:
    print("heavy:", *sorted({HEAVY | {"numpy", "pandas", "matplotlib", "huggingface_hub"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *printed, last = done.stdout.splitlines()
    assert printed
    assert last == "heavy:"


@pytest.mark.parametrize("file", sorted((REPO / "registry").rglob("*.py")), ids=lambda file: file.stem)
def test_the_registry_imports_nothing_heavy_no_network_and_nothing_of_the_runner(file: Path) -> None:
    assert imports(file) & (HEAVY | NETWORK | {"runner", "numpy"}) == set()


def test_no_module_is_named_like_something_that_is_installed() -> None:
    """`runner/evaluate.py` on the path of a script would be taken for the package `evaluate`."""
    installed = set(metadata.packages_distributions()) | set(sys.stdlib_module_names)
    ours = {file.stem for file in (REPO / "runner").glob("*.py")} | {
        folder.name for folder in (REPO / "runner").iterdir() if folder.is_dir() and folder.name != "__pycache__"
    }
    assert ours & installed <= {"__init__"}


def test_no_code_chooses_a_device_by_hand() -> None:
    """Accelerate chooses it; `.cuda()` and its like would put a model where the batches are not."""
    calls = {"cuda", "xpu", "mps"}  # `.cpu()` brings results back
    found = [
        f"{file.relative_to(REPO)}:{node.lineno}"
        for file in sorted((REPO / "runner").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in calls
    ]
    assert found == []


LOADS = {"from_pretrained", "from_config", "pipeline"}
"""What runs code of a repo where it is trusted, and else asks on standard input whether it may."""


def test_whatever_loads_what_others_published_says_that_their_code_is_not_trusted() -> None:
    calls = [
        (file, node)
        for file in sorted((REPO / "runner").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in LOADS
        # PEFT's own runs no code, and knows no such argument.
        and "PeftModel" not in ast.unparse(node.func)
    ]
    assert len(calls) > 5
    assert [
        f"{file.relative_to(REPO)}:{node.lineno}"
        for file, node in calls
        if not any(k.arg == "trust_remote_code" and getattr(k.value, "value", None) is False for k in node.keywords)
    ] == []


@pytest.mark.parametrize("name", ["trust_remote_code", "allow_pickle", "weights_only"])
def test_nothing_trusts_code_or_pickles_by_itself(name: str) -> None:
    harmless = name == "weights_only"
    found = [
        f"{file.relative_to(REPO)}:{keyword.value.lineno}"
        for file in sorted((REPO / "runner").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == name and getattr(keyword.value, "value", None) is not harmless
    ]
    assert found == []


def test_nothing_unpickles_and_no_template_but_ours_is_rendered_by_us() -> None:
    modules = {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
    of_jinja = set()
    for file in sorted((REPO / "runner").rglob("*.py")):
        tree = ast.parse(file.read_text())
        assert not imports(file) & modules - ({"pickle"} if file.name == "model.py" else set()), file  # its error alone
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not {"apply_chat_template", "from_string"} & attributes, file
        if "jinja2" in imports(file):
            of_jinja.add(file.name)
            assert "SandboxedEnvironment" in file.read_text()
    assert of_jinja == {"rendering.py", "pages.py"}
