"""What a run found, in a sentence or two."""

from collections.abc import Collection, Mapping

from naa_lightning.records.results import RateResult, RunResults, TargetResult
from naa_lightning.report.page.wording import budget_text, counted, listed


def finding(results: RunResults) -> str:
    """Say how well the images of a run transfer, to whom worst, and how many targets could not be asked.

    The sentence is about the targets that transfer is judged by: undefended black-box ones, or else defended ones, or
    else the attacked models themselves.

    Args:
        results: What the run found.
    """
    sentences = [_main(results)]
    defended = results.headline_mean(defended=True)
    if results.select("black-box", defended=False) and defended is not None:
        sentences.append(f"Behind defences it is {whole_percent(defended)}.")
    if results.failed and results.targets:
        sentences.append(f"{counted(len(results.failed), 'target')} could not be asked.")
    return " ".join(sentences)


def whole_percent(share: float) -> str:
    """Write a share in whole percent, never as all or nothing where it is not.

    >>> [whole_percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (0.914, 1.0, 0.9999, 0.001, 0.0)]
    ['91 %', '100 %', 'over 99 %', 'under 1 %', '0 %']
    """
    number = "over 99" if 0.995 <= share < 1 else "under 1" if 0 < share < 0.005 else f"{100 * share:.0f}"
    return f"{number}\N{NO-BREAK SPACE}%"


def _main(results: RunResults) -> str:
    judges = {name: results.targets[name] for name in results.judges}
    counting = {name: target for name, target in judges.items() if target.rate(results.headline).value is not None}
    if not judges:
        failures = (
            f" could be asked: {counted(len(results.failed), 'target')} failed" if results.failed else " was asked"
        )
        return f"No target{failures}."
    if not counting:
        why = "no image was aimed at a class" if results.targeted else f"{_named(judges)} had no clean image right"
        return f"There is no success rate: {why}."
    rates = [target.rate(results.headline).value or 0.0 for target in counting.values()]
    mean = whole_percent(sum(rates) / len(rates))
    whom, several = _whom(results, counting), len(counting) > 1
    mean = f"on average on {mean}" if several else f"on {mean}"
    if results.targeted:
        share = f"makes {whom} answer with the class aimed at {mean} of the images"
    else:
        share = f"fools {whom} {mean} of the images that {'they' if several else 'it'} had right"
    return f"{_how(results)} {share}{_extreme(results, counting)}."


def _named(targets: Collection[str]) -> str:
    return listed(list(targets)) if len(targets) < 3 else f"the {len(targets)} targets"


def _how(results: RunResults) -> str:
    budget = f"At {budget_text(results.budget)}, " if results.budget else ""
    attack = results.attack or ("an unnamed attack" if budget else "An unnamed attack")
    return f"{budget}{attack} on {results.surrogate or 'an unknown surrogate'}"


def _whom(results: RunResults, counting: Mapping[str, TargetResult]) -> str:
    """Name the targets: a single one by its name, several by their number."""
    only = next(iter(counting)) if len(counting) == 1 else None
    first = next(iter(counting.values()))
    if first.role == "white-box":
        return f"{only}, which it was crafted on," if only else f"the {len(counting)} networks that it was crafted on"
    kind = "defended network" if first.defences else "network"
    unseen = "" if results.surrogate is None else ", which it never saw," if only else " that it never saw"
    return f"{only}{unseen}" if only else f"{counted(len(counting), kind)}{unseen}"


def _extreme(results: RunResults, counting: Mapping[str, TargetResult]) -> str:
    """Say which target withstands best."""
    judge = next(iter(counting.values()))
    alone = "; no network was asked that it never saw" if judge.role == "white-box" else ""
    rates: dict[str, RateResult] = {
        name: target.target_rate if results.targeted else target.robust_accuracy for name, target in counting.items()
    }
    known = {name: rate.value for name, rate in rates.items() if rate.value is not None}
    if not known or (results.targeted and len(counting) == 1):
        return alone
    if len(counting) == 1:
        return f"; that leaves {whole_percent(next(iter(known.values())))} robust accuracy{alone}"
    if results.targeted:
        name = min(known, key=lambda name: known[name])
        return f"; least often {name}, on {whole_percent(known[name])}{alone}"
    name = max(known, key=lambda name: known[name])
    return f"; the most robust is {name} with {whole_percent(known[name])} robust accuracy{alone}"
