"""From `surrogate`, `targets` and `defences` of a configuration to the models of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from naa_lightning.config.building import build_part, validated
from naa_lightning.config.options import in_options
from naa_lightning.config.schema import AttackRun, EnsembleNode, Node
from naa_lightning.exceptions import ModelError, UserError
from naa_lightning.models import ClassifierSource, EnsembleSource, ModelSource, NetworkSource
from naa_lightning.models.defences import Defence
from naa_lightning.models.target import Target


def compose_surrogate(node: Node) -> ClassifierSource | EnsembleSource:
    """Return what is attacked.

    Args:
        node: One surrogate, or several as the `members` of an ensemble.

    Raises:
        UserError: A key or value is refused, a model gives no gradients, or members do not go together.
    """
    if "members" not in node:
        return _classifier(node, "surrogate")
    ensemble = validated(EnsembleNode, node, "surrogate")
    if not ensemble.members:
        raise UserError("surrogate: an ensemble needs members: surrogate=[inception_v3,resnet50]")
    members = [_classifier(member, f"surrogate.members.{key}") for key, member in ensemble.members.items()]
    try:
        return EnsembleSource(ensemble.name, members, ensemble.combine)
    except ValueError as error:
        raise UserError(f"surrogate: {error}") from error


def _source(node: Node, key: str) -> ModelSource:
    with in_options(key, ModelError):
        return build_part(ModelSource, node, key)


def _classifier(node: Node, key: str) -> ClassifierSource:
    source = _source(node, key)
    if not isinstance(source, ClassifierSource):
        raise UserError(
            f"{key}: {source.name} is a {type(source).__name__}, which gives no gradients: it can be a target, and a "
            "surrogate is a network of timm, torchvision, transformers or this project, or your own as surrogate=python"
        )
    return source


def members_of(surrogate: ClassifierSource | EnsembleSource | None) -> Sequence[ClassifierSource]:
    """Return the networks that are attacked: the surrogate, or its members."""
    match surrogate:
        case None:
            return []
        case EnsembleSource():
            return surrogate.members
        case _:
            return [surrogate]


def compose_targets(run: AttackRun, white_box: Sequence[ClassifierSource]) -> list[Target]:
    """Return the surrogates and the targets; those without a defence of their own also with each of `defences`.

    Args:
        run: The run's configuration.
        white_box: The networks that are attacked. A target that has the name of one is that one, with its weights.

    Raises:
        UserError: A key or value is refused, or two different models have one name.
    """
    targets = [Target(source=source) for source in white_box]
    for key, node in run.targets.items():
        target = _target(node, f"targets.{key}", white_box)
        if target not in targets[: len(white_box)]:
            targets.append(target)
    shared = _defences(run.defences, "defences")
    defended = [
        Target(source=target.source, defences={name: defence})
        for target in targets
        if not target.defences
        for name, defence in shared.items()
    ]
    everything = [*targets, *defended]
    for name, count in Counter(target.name for target in everything).items():
        if count > 1:
            raise UserError(f"two models are called {name}: give each surrogate and target its own name")
    sources: dict[str, ModelSource] = {}
    for target in everything:
        if sources.setdefault(target.source.name, target.source) != target.source:
            raise UserError(f"two different models are called {target.source.name}: give each its own name")
    order = list(sources)
    return sorted(everything, key=lambda target: order.index(target.source.name))


def _target(node: Node, key: str, white_box: Sequence[ClassifierSource]) -> Target:
    options = dict(node)
    defences = _defences(options.pop("defences", None) or {}, f"{key}.defences")
    source = _source(options, key)
    for surrogate in white_box:
        if source.name != surrogate.name:
            continue
        same = replace(source, layer=surrogate.layer) if isinstance(source, ClassifierSource) else source
        without = surrogate
        if isinstance(surrogate, NetworkSource):
            without = replace(surrogate, weights=None, weights_key=None)
        if same not in (surrogate, without):
            raise UserError(
                f"the target {source.name} differs from the surrogate of that name: rename it or give ~{key}"
            )
        source = surrogate
    return Target(source=source, defences=defences)


def _defences(nodes: Mapping[str, Node], key: str) -> dict[str, Defence]:
    if not isinstance(nodes, Mapping):
        raise UserError(f"{key} must give each defence under a name, got {nodes!r}")
    return {name: build_part(Defence, node, f"{key}.{name}") for name, node in nodes.items()}
