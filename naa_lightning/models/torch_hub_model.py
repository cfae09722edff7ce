"""Networks of repositories that torch.hub loads."""

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from filelock import FileLock
from torch import nn

from naa_lightning.exceptions import ModelError
from naa_lightning.models.black_box.black_box import reason
from naa_lightning.models.code_beside import check_imports, imported_beside
from naa_lightning.models.connectivity import is_online
from naa_lightning.models.network_source import NetworkSource
from naa_lightning.models.weights import TORCH_SUFFIXES

Source = Literal["local", "github"]
_CODE = "hubconf.py"
_GITHUB = "https://github.com"
_USUAL_BRANCHES = ("main", "master")  # the default one, if it is not named
_SUFFIXES = (".safetensors", *TORCH_SUFFIXES)
_GITHUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(:[\w./-]+)?")


@dataclass(frozen=True, kw_only=True)
class TorchHubModel(NetworkSource):
    """Describes a network that a repository's `hubconf.py` makes, with its weights unless `weights` names them.

    Args:
        repo: The repository: a folder, or owner/name[:branch] on GitHub.
        model: The function of its `hubconf.py`.
        source: Where the repository is: "local" or "github".
        kwargs: The keyword arguments with which the function is called, such as `pretrained`.

    Raises:
        ValueError: The source is unknown, `repo` is no name on GitHub, or it is not said which numbers the network
            takes.
    """

    repo: str
    model: str
    source: Source = "local"
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the repository is named as its source wants it, and the preprocessing given."""
        super().__post_init__()
        if self.source not in get_args(Source):
            raise ValueError(f"source must be one of {', '.join(get_args(Source))}, got {self.source!r}")
        if self.source == "github" and not _GITHUB_NAME.fullmatch(self.repo):
            raise ValueError(f"repo must be owner/name or owner/name:branch with source=github, got {self.repo!r}")
        self.check_values()

    @property
    def files(self) -> Sequence[Path]:
        """The code of a local repository that its `hubconf.py` imports, and the weights beside it or one below."""
        if self.source != "local":
            return []
        hubconf = self._folders[0] / _CODE
        code = {hubconf, *imported_beside(hubconf).values()}
        near = {path for folder in {file.parent for file in code} for path in folder.glob("*")}
        near |= set(hubconf.parent.glob("[!.]*/*"))
        return sorted(code | {path for path in near if path.name.endswith(_SUFFIXES)})

    @property
    def _folders(self) -> Sequence[Path]:
        """The folder of the repository; of one on GitHub those of torch's cache that it may be in."""
        if self.source == "local":
            return [Path(self.repo).expanduser()]
        name, _, branch = self.repo.partition(":")
        branches = [branch] if branch else _USUAL_BRANCHES
        return [Path(torch.hub.get_dir(), f"{name}_{branch}".replace("/", "_")) for branch in branches]

    def check(self) -> None:
        """Check in a few seconds that the repository is there, and the file of weights if there is one.

        Raises:
            ModelError: One is not.
        """
        code = self._folders[0] / _CODE
        if self.source == "local" and not code.is_file():
            raise ModelError(f"{self.name}: there is no {code}; correct `repo`, or give `source=github`")
        super().check()

    def check_own_weights(self) -> None:
        """Look whether a repository of GitHub is in torch's cache, or the server answers; the code brings its weights.

        Raises:
            ModelError: Neither.
        """
        if self.source == "github" and not self._is_cached() and not is_online(_GITHUB):
            raise ModelError(
                f"{self.name}: {self.repo} is not in torch's cache and {_GITHUB} is out of reach: connect to the "
                "network, or name the folder of a copy in `repo` with `source=local`"
            )

    def network(self, *, pretrained: bool) -> nn.Module:
        """Call the repository's code.

        Raises:
            ModelError: It fails, returns something else than a module, or imports a module of whose name another is
                loaded.
        """
        is_local, is_here = self.source == "local", self._is_cached()
        if is_here:
            self._check_imports()
        repo = str(self._folders[0]) if is_local else self.repo
        lock = nullcontext() if is_local or is_here else FileLock(f"{self._folders[0]}.lock")
        try:
            with lock:  # of several processes that find it absent one fetches it
                network = torch.hub.load(  # type: ignore[no-untyped-call] # the user's `trust` names the repository
                    repo, self.model, source=self.source, trust_repo=True, verbose=False, **self.kwargs
                )
        except (Exception, SystemExit) as error:
            raise ModelError(f"{self.name}: {self.model} of {self.repo} fails: {reason(error)}") from error
        if not is_here:  # which modules it has imported is known by now
            self._check_imports()
        if not isinstance(network, nn.Module):
            raise ModelError(
                f"{self.name}: {self.model} of {self.repo} must return a torch.nn.Module, it returns "
                f"{type(network).__name__}"
            )
        return network

    def _check_imports(self) -> None:
        folder = next((folder for folder in self._folders if folder.exists()), self._folders[0])
        check_imports(folder / _CODE, self.name, [str(folder)])

    def _is_cached(self) -> bool:
        return any(folder.exists() for folder in self._folders)
