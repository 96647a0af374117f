"""A model to the Hugging Face Hub: what goes there is listed first, and nothing else goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from merkit.errors import ConfigError, HubError
from merkit.inference.modelfolder import LoadedModel
from merkit.inference.sharing.terms import are_free, terms_of
from merkit.inference.sharing.whole import save_whole
from merkit.methods.bundled import README

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_LOG_IN = "log in with 'hf auth login', or set HF_TOKEN to a token that may write"


@dataclass(frozen=True)
class Push:
    """``files``: name and size in bytes of what goes to the Hub, or went. ``card``: text of
    README.md. ``bound``: terms of the data that may forbid passing the model on; "" where none do.
    ``url``: of what was written; "" of a dry run."""

    repo_id: str
    private: bool
    files: tuple[tuple[str, int], ...]
    card: str
    bound: str = ""
    url: str = ""


def push_model(
    loaded: LoadedModel,
    repo_id: str,
    private: bool = True,
    dry_run: bool = False,
    run: Path | None = None,
    licence: str = "",
) -> Push:
    """Write the model with its card into a repository of the Hub, which is made if it is not there.
    Training data, predictions, names of clips and paths of this machine stay here.

    Args:
        repo_id: ``user/name``.
        private: seen by its owner alone. A repository that everybody sees is refused then.
        dry_run: list what would go and where; nothing is sent, and no network is needed.
        run, licence: as ``card_of`` takes them.

    Raises:
        ConfigError: a name that cannot be, or a repository that is public.
        HubError: the Hub cannot be reached, or refuses.
    """
    check_name(repo_id)
    with TemporaryDirectory(prefix="merkit-push-") as place:
        folder = save_whole(loaded, Path(place) / "model", run, licence, repo_id)
        files = tuple(
            (path.relative_to(folder).as_posix(), path.stat().st_size)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        )
        card = (folder / README).read_text(encoding="utf-8")
        url = "" if dry_run else _upload(folder, repo_id, private)
    return Push(repo_id, private, files, card, _bound(loaded), url)


def _bound(loaded: LoadedModel) -> str:
    if are_free(loaded.data):
        return ""
    return "; ".join(f"{name}: {terms}" for name, terms in terms_of(loaded.data).items())


def check_name(repo_id: str) -> None:
    """Raises ConfigError for what is no name of a repository."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ConfigError(f"'{repo_id}': {error}", "user/name") from None
    if repo_id.count("/") != 1:
        raise ConfigError(f"'{repo_id}' names no owner", "user/name")


def _upload(folder: Path, repo_id: str, private: bool) -> str:
    from huggingface_hub import HfApi

    api = HfApi(library_name="merkit")
    try:
        if private and _is_public(api, repo_id):
            raise ConfigError(
                f"{repo_id} is there already, and everybody sees it",
                "a private repository",
                "choose another name, or say that it may be seen: --public (private=False)",
            )
        api.create_repo(repo_id, private=private, exist_ok=True, repo_type="model")
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=str(folder),
            repo_type="model",
            commit_message="Model written by merkit",
        )
    except ConfigError:
        raise
    except Exception as error:  # the transport raises errors of several libraries
        reason = (str(error).splitlines() or [""])[0][:200]
        raise HubError(
            f"'{repo_id}' cannot be written to the Hub: {type(error).__name__}: {reason}",
            "a network, and a token of huggingface.co that may write there",
            f"{_LOG_IN}; --dry shows what would go without either",
        ) from None
    return str(getattr(commit, "repo_url", "") or f"https://huggingface.co/{repo_id}")


def _is_public(api: HfApi, repo_id: str) -> bool:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return not api.model_info(repo_id).private
    except RepositoryNotFoundError:
        return False
