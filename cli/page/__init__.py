"""A report: one page of HTML that needs nothing else, from a model and what a History kept."""

from rtrl_lstm.cli.page.document import write_page

__all__ = ["write_page"]
