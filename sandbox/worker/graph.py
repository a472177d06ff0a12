"""CUDA graphs: one training step is recorded and replayed, so that no Python runs between its kernels.

The first steps are taken as ever, and watched: they show whether the step is the same work every time and
never waits for the device. Then one is recorded as in "Whole-network capture" of PyTorch's notes on CUDA
graphs: forward, loss, backward, clipping, the optimiser's step and averaging, on buffers that stay in place.
Batches of another size, and trainings that cannot be recorded, take their steps one kernel at a time.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from bundle import Rows
from fused import steps_as_torch
from host_state import changed, host_state
from snapshot import Snapshot
from steps import Steps

_WATCHED = 3  # steps: as many as the notes advise, for libraries to set themselves up
_WAITS = "called a synchronizing CUDA operation"


class GraphSteps:
    """Takes steps like `Steps`, from a graph where that can be."""

    def __init__(self, steps: Steps, batch_rows: int) -> None:
        self._steps, self._batch_rows = steps, batch_rows
        self._graph: _Graph | None = None
        self._left = _WATCHED
        self._why_not = optimizer_refusal(steps.optimizer, steps.wants_closure)
        self._rates = [group.get("lr") for group in steps.optimizer.param_groups]
        # the same for the watched steps and the recording: some libraries set themselves up once a stream
        self._stream = torch.cuda.Stream()
        if not self._why_not:
            make_capturable(steps)

    def take(self, batch: Rows) -> None:
        """One step on the batch."""
        if self._why_not or len(batch.num) != self._batch_rows:
            self._steps.take(batch)
        elif self._graph is not None:
            self._graph.take(batch)
        elif self._left:
            self._watch(batch)
        else:
            self._record(batch)

    def note(self) -> str:
        """Whether the steps come from a graph, and why not."""
        if self._graph is not None:
            return "steps from a CUDA graph"
        why = self._why_not or f"the training had no more than {_WATCHED} batches of {self._batch_rows} rows"
        return f"no CUDA graph: {why}"

    def _watch(self, batch: Rows) -> None:
        """A step as ever, on a stream of its own; what would not do in a graph is found out."""
        self._left -= 1
        before = host_state(self._steps.model)
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream), _waits_for_device() as waits:
            self._steps.take(batch)
        current.wait_stream(self._stream)
        self._give_up(step_refusal(self._steps.optimizer))
        if self._left < _WATCHED - 1:  # the first step may fill caches
            self._give_up("a step waits for the device" if waits() else "")
            self._give_up(changed(before, host_state(self._steps.model)))

    def _record(self, batch: Rows) -> None:
        """Records a step and takes it; without success, all is as before and the step is taken as ever."""
        try:
            self._graph = _Graph(self._steps, batch, self._stream)
        except Exception as error:  # the candidate's code may raise anything in here
            self._give_up(f"recording failed with {_first(error)}")
        self.take(batch)

    def _give_up(self, why: str) -> None:
        """Leaves it at ordinary steps if there is a reason, and no earlier one."""
        if why and not self._why_not:
            self._why_not = why
            for group, rate in zip(self._steps.optimizer.param_groups, self._rates, strict=True):
                if "lr" in group:
                    group["lr"] = rate


class _Graph:
    """A recorded step and the buffers that it reads."""

    def __init__(self, steps: Steps, batch: Rows, on: torch.cuda.Stream) -> None:
        """Records. Raises whatever that raises, after it has put everything back."""
        self._steps = steps
        self._batch = Rows(*(part.clone() for part in batch))
        self._graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        generator = torch.cuda.default_generators[stream.device.index]
        # a recording that fails leaves the generator's state unusable: a copy takes its place
        drawn = generator.clone_state()
        before = Snapshot(steps.model, steps.optimizer)
        steps.optimizer.zero_grad(set_to_none=True)
        try:
            with torch.cuda.graph(self._graph, stream=on):
                steps.run(self._batch)
        except BaseException:
            torch.cuda.set_stream(stream)
            generator.graphsafe_set_state(drawn)
            before.restore()
            raise

    def take(self, batch: Rows) -> None:
        self._steps.advance()
        for buffer, part in zip(self._batch, batch, strict=True):
            if part.numel():
                buffer.copy_(part)
        self._graph.replay()


def optimizer_refusal(optimizer: torch.optim.Optimizer, wants_closure: bool) -> str:
    """Why no step of this optimiser can be recorded, as far as it is known beforehand; empty if it may be."""
    name = type(optimizer).__name__
    if wants_closure:
        return f"{name} evaluates the loss several times"
    if not steps_as_torch(optimizer):
        return f"{name} has a step of its own"
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        return f"{name} has hooks on its step"
    if not all("capturable" in group or "fused" in group for group in optimizer.param_groups):
        return f"{name} offers no step that can be recorded"
    return ""


def step_refusal(optimizer: torch.optim.Optimizer) -> str:
    """Why no step can be recorded now that some were taken; empty if it may be."""
    if all(group.get("capturable") or group.get("fused") for group in optimizer.param_groups):
        return ""
    return f"{type(optimizer).__name__} can be recorded fused only, and something forbids that"


def make_capturable(steps: Steps) -> None:
    """Has an optimiser that has taken no step yet keep all that changes on the device."""
    for group in steps.optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
        rate = group.get("lr")
        if isinstance(rate, torch.Tensor) or (steps.schedule.varies and rate is not None):
            group["lr"] = torch.tensor(float(rate), device=steps.device)


@contextmanager
def _waits_for_device() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells, after the `with` block, whether anything in it waited for the device."""
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield lambda: any(_WAITS in str(warning.message) for warning in caught)
        finally:
            torch.cuda.set_sync_debug_mode(mode)


def _first(error: BaseException) -> str:
    """The first of a chain of errors: the end of a recording that failed raises one of its own."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}".splitlines()[0][:120]
