"""The six experiments of "Long Short-Term Memory" (Hochreiter & Schmidhuber 1997), run again."""
