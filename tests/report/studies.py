"""A study of attribution, made by hand."""

from naa_lightning.records.studies import AttributionStudyResults, MethodResult


def method(name: str, points: int | None, gradients: int, cosine: float, gap: float = 0.5) -> MethodResult:
    return MethodResult(
        layer="middle",
        method=name,
        points=points,
        gradient_evaluations=gradients,
        completeness_gap=gap,
        cosine=cosine,
        rank_correlation=0.4,
        positive_share=0.5,
        participation=0.1,
        gini=0.8,
        seconds=0.123,
    )


def attribution_results() -> AttributionStudyResults:
    """Return methods of which ten points of conductance are nearly as close as a hundred, and cheaper."""
    naa = {"_target_": "naa_lightning.attribution.FeatureDifference", "path": {"rule": "midpoint", "noise": 0.0}}
    other = {"_target_": "naa_lightning.attribution.Conductance", "path": {"rule": "midpoint", "noise": 0.0}}
    return AttributionStudyResults(
        surrogate="source",
        attack="naa",
        data="photographs",
        images=3,
        config={"study": {"methods": {"naa": naa, "conductance": other, "fia": {"_target_": "a.B"}}}},
        methods=(
            method("reference", None, 32, 1.0, 0.01),
            method("conductance", 10, 10, 0.97),
            method("conductance", 100, 100, 0.99, 0.0),
            method("naa", 5, 5, 0.6),
            method("naa", 30, 30, 0.62),
            method("fia", None, 30, 0.3),
        ),
    )
