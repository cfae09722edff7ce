"""Names that are not too long for what takes them, and tell apart what they name."""

import hashlib

LONGEST_IN_WANDB = 128  # characters of a W&B run's name, and of its group's


def shortened(name: str, longest: int) -> str:
    """Return a name; one that is too long is cut and ends with a digest of the whole.

    Args:
        name: The name.
        longest: Number of characters that it may have.

    Example:
        >>> shortened("densenet121-naa", 15), shortened("densenet121-naa-nips2017", 15)
        ('densenet121-naa', 'densen-3097132a')
    """
    return name if len(name) <= longest else with_digest(name, longest, of=name)


def with_digest(name: str, longest: int, *, of: str) -> str:
    """Return a name, cut if need be, that ends with a digest.

    Args:
        name: The name.
        longest: Number of characters that it may have with the digest.
        of: What the digest stands for.
    """
    digest = hashlib.sha256(of.encode()).hexdigest()[:8]
    return f"{name[: longest - len(digest) - 1].rstrip('-')}-{digest}"


def run_name(surrogate: str | None, attack: str | None, data: str | None, seed: int | None) -> str:
    """Return what a run is called where runs of all folders meet, such as in W&B.

    Args:
        surrogate: The name of the surrogate; None for an unknown one.
        attack: That of the attack.
        data: That of the data set.
        seed: The seed of its random draws; None where it is unknown.

    Example:
        >>> run_name("inception_v3", "naa", "nips2017", 0)
        'inception_v3-naa-nips2017-seed0'
    """
    parts = [part or "unknown" for part in (surrogate, attack, data)]
    return shortened("-".join([*parts, *([] if seed is None else [f"seed{seed}"])]), LONGEST_IN_WANDB)
