"""A Model's graph in onnxruntime: rows of the table in, forecasts out."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtrl_lstm.table.schema import BadRow, Forecast, Reading, Row, Schema

from .contexts import Contexts
from .errors import GraphFileError, brief
from .session import Session

MANY = 2.0**60


class ModelSession:
    """What ``model.frozen()`` forecasts, in onnxruntime and without Numba.

    It starts where the model stood at export: its state, and what its schema knew of the columns.
    A learner graph forecasts here as well, ten times as slowly, and learns nothing: `Session` does.

    Args:
        path: a graph that ``to_onnx(model, path)`` wrote.
        provider: "auto", "cpu" or "cuda".

    Attributes:
        schema: reads the rows. Its ``check_columns`` says whether a table has what is needed.
        session: runs the graph.

    Raises:
        OSError, GraphFileError, ProviderError: as `Session`; GraphFileError as well where the graph
            came from no Model, since nothing then says how a row becomes numbers.
    """

    def __init__(self, path: str | Path, provider: str = "auto") -> None:
        self.session = Session(path, provider)
        self.schema = _schema(self.session, path).frozen()
        if self.session.learns:
            self.session.state = _settled(self.session.state)
        self._contexts = _contexts(self.session, self.schema, path)

    def step(self, row: Row) -> Forecast:
        """The forecast for a row, and the state moves on.

        Returns:
            A number for a regression; label -> probability for classes; None where there is nothing
            to say.

        Raises:
            BadRow: the row cannot be read, and nothing has changed.
            SchemaError: the table lacks a column.
        """
        return self._step(self.schema.read(row))

    def run(self, rows: Iterable[Row]) -> list[Forecast | BadRow]:
        """`step` for many rows. A bad row stands in the place of its forecast and is skipped."""
        return self.follow(rows)[0]

    def follow(self, rows: Iterable[Row]) -> tuple[list[Forecast | BadRow], list[Reading | None]]:
        """`run`, and what was read: what a score needs besides. None for a bad row."""
        forecasts: list[Forecast | BadRow] = []
        readings: list[Reading | None] = []
        good: list[tuple[int, Reading]] = []
        try:
            for place, row in enumerate(rows):
                try:
                    reading = self.schema.read(row)
                except BadRow as bad:
                    forecasts.append(bad)
                    readings.append(None)
                else:
                    good += [(place, one) for one in (*reading.before, reading)]
                    forecasts.append(None)
                    readings.append(reading)
        finally:  # whatever ends the rows, those that were read move the state
            for (place, _), forecast in zip(good, self._run([r for _, r in good]), strict=True):
                forecasts[place] = forecast
        return forecasts, readings

    def _run(self, readings: list[Reading]) -> list[Forecast]:
        """All in one: a sequence graph takes many rows far faster than one by one."""
        if len(readings) < 2:  # a live pipe gives rows one by one
            return [self._step(reading) for reading in readings]
        inputs = np.array([reading.inputs for reading in readings])
        begins = [reading.reset for reading in readings]
        outputs = self.session.run(inputs, reset=begins).tolist()
        return [
            self.schema.forecast(self._mixed(output, reading), reading)
            for output, reading in zip(outputs, readings, strict=True)
        ]

    def _step(self, reading: Reading) -> Forecast:
        if reading.reset:
            self.session.reset()
        outputs = self.session.step(reading.inputs).tolist()
        return self.schema.forecast(self._mixed(outputs, reading), reading)

    def _mixed(self, outputs: list[float], reading: Reading) -> list[float]:
        """The outputs of a row's graph, with what followed the last labels, where that is known."""
        contexts = self._contexts
        if contexts is None:
            return outputs
        if reading.reset:
            contexts.forget()
        # As the engine has them: in float32 a number may be whole that was not.
        inputs = np.asarray(reading.inputs, self.session.provenance.spec.dtype).tolist()
        if self.schema.horizon:
            contexts.know(reading.label)
            return contexts.mix(outputs, inputs)
        mixed = contexts.mix(outputs, inputs)
        contexts.know(reading.label)
        return mixed


def _schema(session: Session, path: str | Path) -> Schema:
    try:
        schema = session.schema
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GraphFileError(f"{path}: the schema in it is damaged: {brief(error)}") from error
    if schema is None:
        raise GraphFileError(f"{path}: exported from a learner, not a model, so it reads no table")
    spec = session.provenance.spec
    if (schema.input_size, schema.output_size) != (spec.input_size, spec.output_size):
        raise GraphFileError(f"{path}: altered: its schema and its graph do not fit each other")
    return schema


def _contexts(session: Session, schema: Schema, path: str | Path) -> Contexts | None:
    model = session.provenance.model
    saved = None if model is None else model.get("contexts")
    if saved is None:
        return None
    try:
        return Contexts(saved, len(schema.target.classes), schema.input_size)
    except (KeyError, TypeError, ValueError) as error:
        raise GraphFileError(f"{path}: the labels in it are damaged: {brief(error)}") from error


def _settled(state: dict[str, NDArray[np.floating]]) -> dict[str, NDArray[np.floating]]:
    """The state of a learner graph that rows without labels leave as it is, but for the forecast's.

    They would move the running statistics of the inputs. A row more weighs nothing where 2^60 times
    as many are counted with 2^60 times their squares, which is the same spread to the last bit. An
    input that has never moved is 0 to the network, whatever it is: so it is, too, where the sum of
    squares is NaN, which nothing adds up to and which is not greater than 0.
    """
    found = dict(state)
    if "input.count" in found:
        found["input.count"] = found["input.count"] * MANY
        squares = found["input.m2"] * MANY
        found["input.m2"] = np.where(squares > 0, squares, np.nan)
    if "summed" in found:  # the gradients of a sequence that is over are not applied
        found["summed"] = np.zeros_like(found["summed"])
    return found
