"""The engine is as configured, and its mistakes are told."""

import re

import pytest

from naa_lightning.config.attack_experiment import compose_attack_run
from naa_lightning.engine import Engine
from naa_lightning.exceptions import UserError
from tests.experiments import composed


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("engine.group_images=0", "engine: group_images must be at least 1, got 0"),
        (
            "engine.pass_mib=0.5",
            "engine.pass_mib must be a valid integer, got 0.5",
        ),
        ("engine.tf32=maybe", "engine.tf32 must be a valid boolean, got 'maybe'"),
        ("engine.compile=fast", "engine.compile must be 'default', 'reduce-overhead' or 'max-autotune', got 'fast'"),
        ("engine.preparation=bf16", "engine.preparation must be 'bfloat16', got 'bf16'"),
        ("engine.fold=1.5", "engine.fold must be a valid boolean, got 1.5"),
        ("+engine.layers=true", "there is no option engine.layers"),
    ],
)
def test_mistakes_in_the_engine(override: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        compose_attack_run(composed("experiment=digits", override))


def test_the_engine_is_as_configured() -> None:
    overrides = [
        "engine.group_images=3",
        "engine.pass_mib=64",
        "engine.fold=false",
        "engine.tf32=true",
        "engine.compile=max-autotune",
        "engine.preparation=bfloat16",
    ]
    engine = compose_attack_run(composed("experiment=digits", *overrides)).engine
    assert engine == Engine(
        group_images=3, pass_mib=64, fold=False, tf32=True, compile="max-autotune", preparation="bfloat16"
    )
    assert compose_attack_run(composed("experiment=digits")).engine == Engine()
