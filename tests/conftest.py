"""The same examples in every run, and no clock: a kernel may have to be compiled first."""

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
