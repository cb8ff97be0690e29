"""Prequential comparison with simple forecasts and with River on real and generated streams."""
