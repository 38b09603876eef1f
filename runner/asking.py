"""Asking the Hub: with an end to patience, again where that may help, and what went wrong told in one line."""

from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

from registry.errors import InputError, MissingError
from registry.secrets import redacted
from runner import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

TIMEOUT = 120.0
"""Seconds without a byte after which an answer counts as lost; the client itself would wait for ever."""
ROUNDS = 5
"""How often something is tried again."""
PAUSE = 1.0
"""Seconds before it is tried again; before each further time twice as many."""
LONGEST = 300.0
"""Most seconds to wait because the Hub asks for it (`Retry-After`)."""

_PASSING = frozenset({408, 412, 425, 429, 500, 502, 503, 504})
"""Statuses after which it may be tried again; after 412, from the head as it is then."""
_AGAIN = "run the same command again; what is on the Hub is whole, and what was sent is kept"


def require_login(repo: str) -> None:
    """See that the Hub knows who is asking, before hours are spent on what could then not be published.

    Raises:
        MissingError: There is no token, or it may only read.
    """
    from huggingface_hub import HfApi, constants, get_token
    from huggingface_hub.errors import LocalTokenNotFoundError

    prepare()
    if constants.HF_HUB_OFFLINE:
        raise MissingError("HF_HUB_OFFLINE is set; publish where there is network")
    if os.environ.get("HF_OIDC_RESOURCE"):
        # Trusted publishing: a token of an hour for one repo. Whether the Hub tells its account was not tried.
        ask(get_token, "trusted publishing to", repo)
        return
    try:
        account = ask(lambda: HfApi().whoami(), "asking who you are", repo)
    except LocalTokenNotFoundError:
        raise MissingError("not logged in to the Hub; `hf auth login`, or set HF_TOKEN") from None
    token = account.get("auth", {}).get("accessToken") or {}
    if token.get("role") == "read":
        raise MissingError(f"the token may only read; `hf auth login` with one that may write to {repo}")


def ask(call: Callable[[], T], doing: str, repo: str) -> T:
    """Ask the Hub for what may be asked twice.

    Raises:
        MissingError: It does not answer, or forbids it.
        HfHubHTTPError: There is no such thing; the caller knows what that means.
    """
    from huggingface_hub.errors import LocalTokenNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    for round_ in range(ROUNDS + 1):
        try:
            return call()
        except (LocalTokenNotFoundError, RepositoryNotFoundError, RevisionNotFoundError):
            raise
        except Exception as error:
            if round_ == ROUNDS or not may_pass(error):
                raise explained(error, doing, repo) from None
            time.sleep(pause(error, round_))
    raise AssertionError("a round returns or raises")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised for: the client wraps some of the network's errors and some not."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _response(error: BaseException) -> Any:
    return next((found for one in _chain(error) if (found := getattr(one, "response", None)) is not None), None)


def status(error: BaseException) -> int | None:
    """The status of the answer that an error is about; null where there was none."""
    response = _response(error)
    return int(response.status_code) if response is not None else None


def _is_lost(error: BaseException) -> bool:
    """Whether no answer came, or not a whole one."""
    if status(error) is not None:
        return False
    for one in _chain(error):
        # httpx2 is the client's own dependency, and of no fixed name; hf_xet raises Python's own.
        if any(kind.__module__.partition(".")[0] in ("httpx", "httpx2") for kind in type(one).__mro__):
            return True
        if isinstance(one, ConnectionError | TimeoutError | json.JSONDecodeError):
            return True
        if isinstance(one, OSError) and one.errno is None:
            return True  # a file that came shorter than it is
    return False


def may_pass(error: BaseException) -> bool:
    """Whether the next time may go better."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    if any(isinstance(one, OfflineModeIsEnabled) for one in _chain(error)):
        return False
    return status(error) in _PASSING or _is_lost(error)


def pause(error: BaseException, round_: int) -> float:
    """Seconds to wait: as many as the Hub asks for, else more each time."""
    response = _response(error)
    asked = str(response.headers.get("Retry-After", "")) if response is not None else ""
    return min(float(asked), LONGEST) if asked.isdigit() else PAUSE * 2.0**round_


def explained(error: Exception, doing: str, repo: str) -> Exception:
    """What went wrong with the Hub in one line and what to do; any other error as it is."""
    from huggingface_hub.errors import OIDCError

    response, text = _response(error), str(error)
    number = status(error)
    told = line(response.headers.get("X-Error-Message", "")) if response is not None else ""
    why = f" ({told})" if told else ""
    message = None
    if isinstance(error, ValueError) and "Invalid metadata in README.md" in text:
        said = line(text.partition("\n")[2].removeprefix("- "))
        return InputError(f"the Hub refuses the README's front matter: {said}; put it right in the card")
    if isinstance(error, ValueError) and "LFS batch API returned errors" in text:
        message = f"the Hub does not take the files of {repo}: {line(text.partition(':')[2])}"
    elif isinstance(error, OIDCError):
        message = line(text)
    elif number == 401:
        message = f"the Hub refused the token when {doing} {repo} (401); `hf auth login` with a valid one"
    elif number == 403:
        right = "read it" if doing.startswith("reading") else "write there"
        message = f"the Hub forbids {doing} {repo}{why} (403); `hf auth login` with a token that may {right}"
        message += ", or --create-pr proposes the files" if "create_pr" in told else ""
    elif number == 412:
        message = f"somebody else keeps committing to {repo} (412); {_AGAIN}"
    elif number == 429:
        message = f"too many requests when {doing} {repo} (429); wait, then {_AGAIN}"
    elif number is not None:
        message = f"{endpoint()} answered {number} when {doing} {repo}{why}; {_AGAIN}"
    elif any(type(one).__name__ == "OfflineModeIsEnabled" for one in _chain(error)):
        message = "HF_HUB_OFFLINE is set; publish where there is network"
    elif _is_lost(error):
        *_, cause = _chain(error)
        message = f"{endpoint()} cannot be reached when {doing} {repo} ({type(cause).__name__}); {_AGAIN}"
    return MissingError(message) if message else error


def line(text: str) -> str:
    """The text in one line, cut where it is long."""
    return " ".join(str(text).split())[:200]


def endpoint() -> str:
    """The Hub."""
    from huggingface_hub import constants

    return redacted(str(constants.ENDPOINT))  # of a mirror, it may hold a password


def prepare() -> None:
    """Let the client wait no longer than it should, and not say twice what is said here once."""
    from huggingface_hub import set_client_factory

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    progress.show_transfers()
    set_client_factory(_client)


def _client() -> Any:
    """The client's own, with an end to its patience."""
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    client.timeout = TIMEOUT
    conflicts = 0

    def pace(response: Any) -> None:
        """`create_repo` asks again at once, and for ever, while another repo of the account is being made."""
        nonlocal conflicts
        if response.status_code == 409 and response.request.url.path == "/api/repos/create":
            conflicts += 1
            if conflicts > ROUNDS:
                raise TimeoutError("another repo of the account is being made")
            time.sleep(PAUSE)

    client.event_hooks = {**client.event_hooks, "response": [pace]}
    return client
