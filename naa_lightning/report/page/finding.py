"""What a run found, in a sentence or two."""

from collections.abc import Mapping

from naa_lightning.records.results import RunResults
from naa_lightning.records.targets import TargetResult
from naa_lightning.report.doubts import gradient_doubt
from naa_lightning.report.wording import budget_text, counted, whole_percent


def finding(results: RunResults) -> str:
    """Say how well the images of a run transfer, to whom worst, and how many targets could not be asked.

    The sentence is about the targets that transfer is judged by: undefended black-box ones, or else defended ones, or
    else the attacked models themselves.

    Args:
        results: What the run found.
    """
    lost = counted(len(results.failed), "target")
    if not results.targets:
        return f"No target could be asked: {lost} failed." if results.failed else "No target was asked."
    sentences = [_main(results)]
    defended = results.headline_mean(defended=True)
    if results.select("black-box", defended=False) and defended is not None:
        sentences.append(f"Behind defences it is {whole_percent(defended)}.")
    if results.failed:
        sentences.append(f"{lost} could not be asked.")
    if doubt := gradient_doubt(results):
        sentences.append(f"But {doubt.partition(':')[0]}.")
    return " ".join(sentences)


def judged_by(results: RunResults) -> str:
    """Describe the targets that transfer is judged by."""
    judges = [results.targets[name] for name in results.judges]
    if judges and judges[0].role == "black-box":
        return "black-box targets, all behind a defence" if judges[0].defences else "undefended black-box targets"
    return f"attacked models, {'the other targets having failed' if _lost(results) else 'there being no other target'}"


def _lost(results: RunResults) -> bool:
    return any(target.role == "black-box" for target in results.failed.values())


def _main(results: RunResults) -> str:
    judges = {name: results.targets[name] for name in results.judges}
    rates = {name: target.rate(results.headline).value for name, target in judges.items()}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    if not known:
        judging = next(iter(judges)) if len(judges) == 1 else f"the {len(judges)} targets"
        why = "no image was aimed at a class" if results.targeted else f"{judging} had no clean image right"
        return f"There is no success rate: {why}."
    counting, several = {name: judges[name] for name in known}, len(known) > 1
    budget = f"At {budget_text(results.budget)}, " if results.budget else ""
    attack = results.attack or ("an unnamed attack" if budget else "An unnamed attack")
    images = "images" if results.targeted else f"images that {'they' if several else 'it'} had right"
    share = f"on {whole_percent(sum(known.values()) / len(known))} of the {images}{', on average' if several else ''}"
    whom = _whom(results, counting)
    does = f"makes {whom} answer with the class aimed at" if results.targeted else f"fools {whom}"
    surrogate = results.surrogate or "an unknown surrogate"
    return f"{budget}{attack} on {surrogate} {does} {share}{_rest(results, counting)}."


def _whom(results: RunResults, counting: Mapping[str, TargetResult]) -> str:
    """Name the targets: a single one by its name, several by their number."""
    (name, first), several = next(iter(counting.items())), len(counting) > 1
    if first.role == "white-box":
        whom, relation = f"the {len(counting)} networks", "it was crafted on"
    else:
        whom = counted(len(counting), "defended network" if first.defences else "network")
        relation = "it never saw" if results.surrogate else ""
    if several:
        return f"{whom} that {relation}" if relation else whom
    return f"{name}, which {relation}," if relation else name


def _rest(results: RunResults, counting: Mapping[str, TargetResult]) -> str:
    """Say which target withstands best, and whether all were attacked themselves."""
    white_box = next(iter(counting.values())).role == "white-box"
    alone = f"; no network {'answered' if _lost(results) else 'was asked'} that it never saw" if white_box else ""
    found = "target_rate" if results.targeted else "robust_accuracy"
    rates = {name: target.rate(found).value for name, target in counting.items()}
    known = {name: rate for name, rate in rates.items() if rate is not None}
    if not known or (results.targeted and len(counting) == 1):
        return alone
    best = (min if results.targeted else max)(known, key=lambda name: known[name])
    share = whole_percent(known[best])
    if results.targeted:
        return f"; least often {best}, on {share}{alone}"
    subject = "that leaves" if len(counting) == 1 else f"the most robust is {best} with"
    return f"; {subject} {share} robust accuracy{alone}"
