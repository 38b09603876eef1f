"""Secrets are found by kind and place; what only looks long is none. No whole token stands in this file."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import timed

from registry.errors import InputError, Problem
from registry.finding import shipped
from registry.secrets import find_secrets
from runner.plugins import load_card

ALPHANUMERIC = string.ascii_letters + string.digits
ROOT = Path(__file__).parents[1]


def drawn(length: int, alphabet: str = ALPHANUMERIC) -> str:
    """Characters drawn at random, the same ones each time."""
    return "".join(random.Random(length).choices(alphabet, k=length))


HEX = "0123456789abcdef"
JWT = ".".join(("eyJ" + drawn(20), "eyJ" + drawn(40), drawn(43)))


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("a Hugging Face token", "hf_" + drawn(34)),
        ("a Hugging Face token", "api_org_" + drawn(34)),
        ("a Hugging Face token", "hf_oauth_" + JWT),
        ("an OpenAI API key", "sk-" + drawn(20) + "T3Blbk" + "FJ" + drawn(20)),
        ("an OpenAI API key", "sk-proj-" + drawn(60, ALPHANUMERIC + "_-") + "a"),
        ("an Anthropic API key", "sk-ant-api03-" + drawn(93, ALPHANUMERIC + "_-") + "AA"),
        ("a GitHub token", "ghp_" + drawn(36)),
        ("a GitHub token", "gho_" + drawn(36)),
        ("a GitHub token", "ghu_" + drawn(36)),
        ("a GitHub token", "ghs_" + drawn(36)),
        ("a GitHub token", "ghr_" + drawn(36)),
        ("a GitHub token", "github_pat_" + drawn(22) + "_" + drawn(59)),
        ("a GitLab token", "glpat-" + drawn(20)),
        ("an AWS access key", "AKIA" + drawn(16, string.ascii_uppercase + "234567")),
        ("an AWS access key", "ASIA" + drawn(16, string.ascii_uppercase + "234567")),
        ("a Google API key", "AIza" + drawn(35)),
        ("a Slack token", "xoxb-" + drawn(12, string.digits) + "-" + drawn(24)),
        ("a PyPI token", "pypi-AgEIcHlwaS5vcmc" + drawn(70)),
        ("an npm token", "npm_" + drawn(36)),
        ("a Stripe key", "sk_live_" + drawn(24)),
        ("a DigitalOcean token", "dop_v1_" + drawn(64, HEX)),
        ("a Databricks token", "dapi" + drawn(32, HEX)),
        ("a JSON Web Token", JWT),
        ("a private key", "-----BEGIN " + "PRIVATE KEY-----"),
        ("a private key", "-----BEGIN OPENSSH " + "PRIVATE KEY-----"),
    ],
)
@pytest.mark.parametrize("before", ["", "token: ", 'use_auth_token="', "see https://example.org/?t=", "über "])
def test_a_secret_with_a_shape_is_found_where_it_begins(kind: str, secret: str, before: str) -> None:
    assert find_secrets(f"{before}{secret}\nmore") == [(len(before), kind)]


@pytest.mark.parametrize("before", ["my_", "export-", "x", "login%20", '{"text": "line\\n', "TOKEN_", "a" * 5000])
@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("a Hugging Face token", "hf_" + drawn(34)),
        ("a GitHub token", "ghp_" + drawn(36)),
        ("a GitLab token", "glpat-" + drawn(20)),
        ("an Anthropic API key", "sk-ant-api03-" + drawn(93)),
    ],
)
def test_a_token_behind_a_prefix_is_found_too(kind: str, secret: str, before: str) -> None:
    assert find_secrets(f"{before}{secret} more") == [(len(before), kind)]


@pytest.mark.parametrize("before", ['{"text": "line\\n', "https://example.org/?q=a%20"])
def test_any_token_behind_an_escape_is_found(before: str) -> None:
    assert find_secrets(f"{before}sk-{drawn(48)}") == [(len(before), "an OpenAI API key")]


@pytest.mark.parametrize(
    "before",
    [
        "WANDB_API_KEY=", "wandb_api_key: ", "wandb login ", "wandb login --relogin ", 'wandb.login(key="',
        "api_key: ", 'API-Key = "', "'password': '", "token: ", "HF_TOKEN=", "client_secret: ", "--token ",
        "--api-key=", "Authorization: Bearer ", "**Access key**: `", "passphrase := ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", [drawn(40, HEX), drawn(24)])
def test_a_random_value_with_the_name_of_a_secret_is_found(before: str, secret: str) -> None:
    assert find_secrets(f"{before}{secret}") == [(len(before), "a key or a password")]


def test_the_secret_of_an_aws_key_is_found_by_its_name() -> None:
    secret = "w" + drawn(38, ALPHANUMERIC + "/+") + "1"
    assert find_secrets(f"aws_secret_access_key = {secret}") == [(24, "a key or a password")]
    assert find_secrets(secret) == []


@pytest.mark.parametrize("scheme", ["https", "postgresql+psycopg", "redis"])
def test_a_password_in_a_url_is_found(scheme: str) -> None:
    assert find_secrets(f"{scheme}://someone:hunter2@host:5432/x") == [(len(scheme) + 11, "a password in a URL")]


@pytest.mark.parametrize(
    "text",
    [
        # Commits and checksums, even beside the words for a secret.
        f"revision: {drawn(40, HEX)}",
        f"sha256: {drawn(64, HEX)}",
        f"token_sha256: {drawn(64, HEX)}",
        f"the key commit is {drawn(40, HEX)}",
        f"https://huggingface.co/x/y/resolve/{drawn(40, HEX)}/model.safetensors",
        # Names that begin like a token.
        "hf_distilbert_base_uncased_finetuned_sst_2_english_v2",
        "sk-learn-intelex-and-other-packages-that-are-long-enough-1",
        "sklearn, sk-net, sk_model, hf_model_name, ghp_not_a_token, xoxb-nothing",
        "AKIA, ASIA, AKIAS, AIzaSy",
        f"task-{drawn(40, HEX)}", f"disk-{drawn(64, HEX)}", f"run_hf_{drawn(40, HEX)}", f"sha256-{drawn(64, HEX)}",
        f"my_hf_{'distilbertbaseuncasedfinetuned' * 2}", f"x{drawn(64, HEX)}", f"%2F{drawn(40, HEX)}",
        # Settings of tokenizers and trainers.
        "pad_token: <|endoftext|>", "max_new_tokens: 2048", "eos_token = tokenizer.eos_token",
        "base.pad_token: eos", "token: meta-llama/Llama-3.2-1B-Instruct", "num_key_value_heads: 8",
        "token = AutoTokenizer.from_pretrained('m1n2b3/v4c5x6z7')", 'api_key=os.environ["OPENAI_API_KEY"]',
        "- `--hub_token`: None", "hub_token: <HUB_TOKEN>", "token=userdata.get('HF_TOKEN_FOR_2024_RUNS')",
        # Examples.
        "hf_" + "x" * 34, "hf_" + "X" * 34, "sk-" + "." * 40, "sk-" + "0" * 48, "AKIA" + "IOSFODNN7EXAMPLE",
        "password: your-password-1a2b3c4d5e6f", "api_key: YOUR_API_KEY_HERE_1A2B3C4D", "token: 1234567890abcdef1234",
        "https://user:password@host", "https://user:$TOKEN@host", "https://user:<token>@host",
        "https://{user}:{key}@host",
        # What only has the look of a URL with a password.
        "http://127.0.0.1:8080/@scope/name", "git@github.com:someone/repo", "https://medium.com/@someone",
        "mailto:a:b@c",
        # A public signature that the Hub puts into model cards.
        f"    verified: true\n    verifyToken: {JWT}",
        "-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----",
    ],
)  # fmt: skip
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert find_secrets(text) == []


def test_several_are_told_in_the_order_of_the_text() -> None:
    text = f"a: hf_{drawn(34)}\nb: {JWT}\nc: ghp_{drawn(36)}\n"
    kinds = ["a Hugging Face token", "a JSON Web Token", "a GitHub token"]
    found = find_secrets(text)
    assert [kind for _, kind in found] == kinds
    assert [text[offset - 2] for offset, _ in found] == [":", ":", ":"]


def test_a_secret_is_never_told() -> None:
    secret = drawn(34)
    assert secret not in repr(find_secrets(f"password: {secret} hf_{secret} https://a:{secret}@b"))


@pytest.mark.parametrize("folder", ["cards", "registry", "runner", "templates", "docs", "bench", "tests"])
def test_no_file_of_this_repo_holds_one(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".yaml", ".md", ".jinja", ".txt"}]
    assert files
    assert {
        path: find_secrets(path.read_text("utf-8")) for path in files if find_secrets(path.read_text("utf-8"))
    } == {}


PIECES = [
    "hf_", "sk-", "sk-ant-", "eyJ", ".", "://", ":", "@", "token", "api_key", "password=", "Bearer ", "AKIA", "/", "=",
    "-----BEGIN ", "wandb login ", "a", "A1", " ", "\n", "é", "key: ", "--token ", "a1B2c3D4e5F6g7H8", '"',
]  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), st.integers(1, 60))
def test_a_hostile_text_takes_no_time(pieces: list[str], times: int) -> None:
    unit = "".join(pieces[:-1]) + pieces[-1] * times
    text = (unit * (100_000 // len(unit) + 1))[:100_000]
    seconds, found = timed(lambda: find_secrets(text))
    assert seconds < 1
    assert all(0 <= offset < len(text) for offset, _ in found)


def test_a_secret_is_taken_out_of_what_is_said_back() -> None:
    token = "hf_" + drawn(36)
    assert str(Problem(f"{token}.yaml", token, f"'{token}' is unknown; drop it")) == "…  …: '…' is unknown; drop it"


@pytest.mark.parametrize(
    "card",
    [
        '"\\x68f_{}": 1\n',
        '"\\x68f_{}": 1\n"\\x68f_{}": 2\n',
        "a: !<%68%66_{}> 1\n",
        'a: "\\x68f_{}\n',
    ],
)
def test_a_token_that_is_hidden_in_a_key_or_a_tag_is_never_said_back(card: str, tmp_path: Path) -> None:
    token = drawn(36)
    (tmp_path / "x.yaml").write_text(card.replace("{}", token))
    with pytest.raises(InputError) as caught:
        load_card(tmp_path / "x.yaml")
    assert token not in str(caught.value)


@pytest.mark.parametrize("said", ['training.optimizer="\\x68f_{}"', 'data.text="\\x68f_{}"'])
def test_a_token_in_an_override_is_never_said_back(said: str) -> None:
    token = drawn(36)
    with pytest.raises(InputError) as caught:
        load_card(shipped() / "quickstart.yaml", [said.replace("{}", token)])
    assert token not in str(caught.value)
