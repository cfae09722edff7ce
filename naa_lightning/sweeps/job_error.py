"""The error that a job of a sweep ended with."""

import io
from contextlib import redirect_stderr

from hydra.core.utils import JobReturn, JobStatus


def error_of(job_return: JobReturn) -> Exception | None:
    """Return the error that a job raised; None where it did not fail."""
    if job_return.status is not JobStatus.FAILED:
        return None
    try:
        with redirect_stderr(io.StringIO()):  # the accessor that raises the error also prints the overrides
            job_return.return_value  # noqa: B018
    except Exception as error:  # noqa: BLE001 - a job may raise anything
        return error
    return None
