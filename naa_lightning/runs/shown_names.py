"""Which names a run shows its classes by."""

from collections.abc import Sequence

from naa_lightning.class_names import distinct_names, usual_names
from naa_lightning.models import ClassifierSource, ModelSource


def shown_class_names(of_data: Sequence[str] | None, sources: Sequence[ModelSource]) -> Sequence[str] | None:
    """Return what people call the classes of a run, as far as anything tells; no two have one name.

    The names are those of the data, else of the first classifier that names its classes, else ImageNet's where every
    classifier tells 1,000 classes apart.

    Args:
        of_data: The names that the data tell, by class; None where they tell none.
        sources: The run's classifiers, the attacked ones first.
    """
    return model_class_names(sources) if of_data is None else distinct_names(of_data)


def model_class_names(sources: Sequence[ModelSource]) -> Sequence[str] | None:
    """Return what the classes of models are called, as far as anything tells; no two have one name.

    The names are those of the first classifier that names its classes, else ImageNet's where every classifier tells
    1,000 classes apart.

    Args:
        sources: The models.
    """
    told = (source.classes for source in sources if isinstance(source, ClassifierSource))
    known = next((names for names in told if names is not None), None)
    if known is not None:
        return distinct_names(known)
    counts = {source.num_classes for source in sources}
    return usual_names(counts.pop()) if len(counts) == 1 else None
