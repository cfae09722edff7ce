"""All runs of a sweep in one table: rows of surrogate, attack and setting against targets, tested in pairs."""
