"""Transfer-based adversarial attacks on image classifiers: PyTorch Lightning experiments, and a notebook's library.

    import naa_lightning as naa
    surrogate = naa.load("resnet50")                                      # a name, or any network of your own
    adversarial = naa.create("naa_pd", eps="8/255")(surrogate, images, labels)
    naa.transfer(images, adversarial, labels, on=["vit_base_patch16_224", my_module])
    naa.show(images, adversarial, surrogate)

What `__all__` names is public, and loaded when it is first used. So is what the packages `attacks`, `attribution`,
`models`, `metrics` and `training` name in theirs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from naa_lightning.attacks import Attack, Budget
    from naa_lightning.library.create import create, list_attacks
    from naa_lightning.library.images import read_images
    from naa_lightning.library.load import list_surrogates, load
    from naa_lightning.library.show import show
    from naa_lightning.library.transfer import transfer
    from naa_lightning.models import Classifier, Ensemble

    __version__: str

__all__ = [
    "Attack",
    "Budget",
    "Classifier",
    "Ensemble",
    "__version__",
    "create",
    "list_attacks",
    "list_surrogates",
    "load",
    "read_images",
    "show",
    "transfer",
]

_MODULES = {
    "Attack": "attacks",
    "Budget": "attacks",
    "Classifier": "models",
    "Ensemble": "models",
    "create": "library.create",
    "list_attacks": "library.create",
    "list_surrogates": "library.load",
    "load": "library.load",
    "read_images": "library.images",
    "show": "library.show",
    "transfer": "library.transfer",
}

if not TYPE_CHECKING:  # a type checker would take any name from a function

    def __getattr__(name: str) -> object:
        """Load what is public when it is first used, so that the package itself is loaded at once."""
        value: object
        if name == "__version__":
            value = import_module("importlib.metadata").version(__name__)
        elif name in _MODULES:
            value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
