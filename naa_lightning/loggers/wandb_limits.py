"""What W&B takes: a mistake is told before a run starts, not when it is uploaded."""

from collections.abc import Sequence

from naa_lightning.exceptions import UserError
from naa_lightning.short_names import LONGEST_IN_WANDB

# Characters of each; the server refuses more, of some only when an offline run is synced.
_LONGEST = {"project": 128, "name": LONGEST_IN_WANDB, "group": LONGEST_IN_WANDB, "job_type": 64, "id": 128, "tags": 64}


def check_limits(*, tags: Sequence[str], **texts: str | None) -> None:
    """Check what W&B is told of a run.

    Args:
        tags: Its tags.
        **texts: Its `project`, `name`, `group`, `job_type` and `id`; None for none.

    Raises:
        UserError: A text is too long, a tag is empty, or a project or id has characters that it cannot have.
    """
    for key, given in [*((key, [text]) for key, text in texts.items() if text is not None), ("tags", tags)]:
        for text in given:
            if not 1 <= len(text) <= _LONGEST[key]:
                kind = key.removesuffix("s").replace("_", " ")
                raise UserError(f"{key}: W&B takes {kind}s of 1 to {_LONGEST[key]} characters, got one of {len(text)}")
    import wandb  # noqa: PLC0415 - see `wandb_logger`

    try:
        wandb.Settings(project=texts.get("project"), run_id=texts.get("id"))
    except wandb.errors.UsageError as error:
        raise UserError(f"W&B: {error}") from error
