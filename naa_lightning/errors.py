"""What a user is told when an experiment cannot go on."""


class UserError(Exception):
    """A mistake that the user can mend: one line that names the culprit and the remedy.

    Entry points print it without a traceback and exit with 1.
    """
