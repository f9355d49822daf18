"""Measure what #35442 and #36013 change, by running vLLM's own lines on a GPU.

It needs Python 3.11 and torch, nothing else: no vLLM, no network, no other file of this
project. (vLLM's lines use numpy, which torch can do without; where it is missing, a stand-in
for its arrays is used, and the answer says so.)

From each given `gpu_model_runner.py` it takes two pieces by their syntax tree, the method
`_update_states_after_model_execute`, which copies the counts of accepted tokens to the CPU, and
the block of the next step that reads them. It compiles just those and runs them on a stand-in
for the runner, with real tensors.

    sh tools/analysis/runners.sh build/vllm-v0.16.0 build/runners
    python tools/analysis/gpu_copy.py build/runners/base.py build/runners/35442.py \
        build/runners/36013.py --steps 10000 --out gpu.json

Three things are measured, each for every file:

- held: how long the CPU is held in the method while the GPU still has queued work.
- step: how long a step takes in a loop of GPU work and CPU work, of which the latter can
  overlap the former if nothing waits.
- stale: in how many steps the CPU reads counts that are not those of the step before. Once
  with no wait but that for the buffers of the step's input (`prepare_inputs_event`), and once
  with the wait that v0.16.0 makes in `_update_states` under async scheduling too, for the
  number of sampled tokens (`valid_sampled_token_count_event`).

GPU work is a kernel that spins for a given time. `--self-check` runs the same paths on CPU
tensors, with a simulated stream in which a copy that nobody waits for arrives late.
"""

from __future__ import annotations

import argparse
import ast
import ctypes
import importlib
import importlib.util
import json
import platform
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

METHOD = "_update_states_after_model_execute"
EVENT = "num_accepted_tokens_event"
COUNTS = "num_accepted_tokens"

SPEC_TOKENS = 3
"""Draft tokens a step; 1 to this many plus one are accepted."""
PATTERNS = SPEC_TOKENS + 1
"""Steps after which the same counts come again; a read is stale by one or two."""
MAX_REQUESTS = 256
LABELS = ("base", "with #35442", "with #35442 and #36013")


class SourceError(Exception):
    """A file does not hold what is looked for."""


# The source


@dataclass(frozen=True)
class Source:
    """The lines of one `gpu_model_runner.py` that are run."""

    method: ast.FunctionDef
    read: ast.FunctionDef
    has_event: bool
    """Whether its runner keeps an event for the copy."""

    def load(self, torch: Any) -> tuple[Callable[..., None], Callable[..., None]]:  # noqa: ANN401
        """Compile both pieces, with torch and a stand-in for what else they name."""
        stub = SimpleNamespace(postprocess_mamba=lambda *_: None)
        names: dict[str, Any] = {"torch": torch, "mamba_utils": stub}
        module = ast.Module([self.method, self.read], [])
        exec(compile(module, "gpu_model_runner.py", "exec"), names)  # noqa: S102, the point of it
        return names[METHOD], names["read"]


def find(text: str, where: str) -> Source:
    """Find the pieces in a file's text.

    Raises:
        SourceError: It names the file and what is missing.
    """
    classes = [node for node in ast.parse(text, where).body if isinstance(node, ast.ClassDef)]
    runner = next((node for node in classes if node.name == "GPUModelRunner"), None)
    if runner is None:
        raise SourceError(f"{where}: no class GPUModelRunner")
    functions = [node for node in runner.body if isinstance(node, ast.FunctionDef)]
    method = next((node for node in functions if node.name == METHOD), None)
    blocks = [node for node in ast.walk(runner) if isinstance(node, ast.If) and _reads(node)]
    if method is None or len(blocks) != 1:
        missing = METHOD if method is None else f"one block that reads {COUNTS}.np"
        raise SourceError(f"{where}: no {missing}")
    made = ast.parse("def read(self, num_reqs): pass").body[0]
    assert isinstance(made, ast.FunctionDef)  # noqa: S101, for mypy: the line above says so
    made.body = blocks[0].body
    kept = any(_assigned(node) == EVENT for node in ast.walk(runner))
    return Source(method, ast.fix_missing_locations(made), kept)


def _reads(block: ast.If) -> bool:
    """Whether a block is the one under `if use_spec_decode:` that reads the counts."""
    if not (isinstance(block.test, ast.Name) and block.test.id == "use_spec_decode"):
        return False
    return any(ast.unparse(node).startswith(f"self.{COUNTS}.np[") for node in block.body)


def _assigned(node: ast.AST) -> str:
    """Return the attribute that a statement assigns, if it assigns one."""
    target = None
    if isinstance(node, ast.Assign):
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    return target.attr if isinstance(target, ast.Attribute) else ""


# The machine: a real GPU, or a simulated one


class Event(Protocol):
    """What vLLM uses of torch.Event."""

    def record(self) -> None:
        """Mark a place in the stream."""

    def synchronize(self) -> None:
        """Wait until the stream has come to the mark."""


class Machine(Protocol):
    """Where tensors live and work is queued."""

    torch: Any
    device: str

    def pinned(self, count: int, *, value: int) -> tuple[Any, Any]:
        """Return pinned memory as the runner's tensor of it, and as a numpy array."""

    def event(self) -> Event:
        """Return a new event."""

    def copied(self, counts: Any) -> Event:  # noqa: ANN401, a tensor
        """Copy counts on a stream of their own, as vLLM does, and return the copy's event."""

    def work(self, microseconds: float) -> None:
        """Queue work for this long."""

    def synchronize(self) -> None:
        """Wait for all that is queued."""


class Gpu:
    """A CUDA GPU."""

    device = "cuda"

    def __init__(self, torch: Any) -> None:  # noqa: ANN401, a module
        self.torch = torch
        self._copies = torch.cuda.Stream()
        self._landing, _ = self.pinned(MAX_REQUESTS, value=0)
        self._landed = self.event()
        self._rate = 1000.0
        """Cycles a microsecond, made right below."""
        for _ in range(3):
            self._rate *= 10_000 / self._took(10_000)

    def pinned(self, count: int, *, value: int) -> tuple[Any, Any]:
        """Return pinned memory, twice the same."""
        made = self.torch.full((count,), value, dtype=self.torch.int64, pin_memory=True)
        return made, made.numpy()

    def event(self) -> Event:
        """Return a torch.Event of the GPU."""
        made: Event = self.torch.Event(self.device)
        return made

    def copied(self, counts: Any) -> Event:  # noqa: ANN401, a tensor
        """Copy counts as `_copy_valid_sampled_token_count` does."""
        default = self.torch.cuda.current_stream()
        with self.torch.cuda.stream(self._copies):
            self._copies.wait_stream(default)
            self._landing[: counts.shape[0]].copy_(counts, non_blocking=True)
            self._landed.record()
        return self._landed

    def work(self, microseconds: float) -> None:
        """Queue a kernel that spins."""
        if microseconds:
            self.torch.cuda._sleep(int(microseconds * self._rate))  # noqa: SLF001, torch's tests use it

    def synchronize(self) -> None:
        """Wait for the GPU."""
        self.torch.cuda.synchronize()

    def _took(self, microseconds: float) -> float:
        start, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.synchronize()
        start.record()
        self.work(microseconds)
        end.record()
        self.synchronize()
        return float(start.elapsed_time(end)) * 1000


class Simulated:
    """CPU tensors, and a stream in which copies are late until somebody waits for them."""

    device = "cpu"

    def __init__(self, torch: Any) -> None:  # noqa: ANN401, a module
        self.torch = torch
        self.queued: list[tuple[Any, Any]] = []
        self.done = 0

    def pinned(self, count: int, *, value: int) -> tuple[Any, Any]:
        """Return memory whose non-blocking copies are late, and its numpy array."""
        made = self.torch.full((count,), value, dtype=self.torch.int64)
        return _Late(self, made), made.numpy()

    def event(self) -> Event:
        """Return an event of the simulated stream."""
        return _SimulatedEvent(self)

    def copied(self, counts: Any) -> Event:  # noqa: ANN401, a tensor
        """Return an event after all that is queued, as a stream that waits for it would."""
        event = self.event()
        event.record()
        return event

    def work(self, microseconds: float) -> None:
        """Queue nothing: the copies are late without it."""

    def synchronize(self) -> None:
        """Let all copies arrive."""
        self.run(len(self.queued))

    def run(self, until: int) -> None:
        """Let the copies before a mark arrive."""
        for target, source in self.queued[self.done : until]:
            target.copy_(source)
        self.done = max(self.done, until)


class _Late:
    """Memory, or a piece of it, that a non-blocking copy reaches late."""

    def __init__(self, machine: Simulated, values: Any) -> None:  # noqa: ANN401, a tensor
        self._machine = machine
        self._values = values

    def __getitem__(self, piece: slice) -> _Late:
        return _Late(self._machine, self._values[piece])

    def copy_(self, source: Any, *, non_blocking: bool = False) -> None:  # noqa: ANN401
        self._machine.queued.append((self._values, source.clone()))
        if not non_blocking:
            self._machine.synchronize()


class _SimulatedEvent:
    """A mark in a simulated stream."""

    def __init__(self, machine: Simulated) -> None:
        self._machine = machine
        self._mark = 0

    def record(self) -> None:
        """Mark what is queued by now."""
        self._mark = len(self._machine.queued)

    def synchronize(self) -> None:
        """Let what is marked arrive."""
        self._machine.run(self._mark)


class Array:
    """What the two pieces use of a numpy array of 64-bit numbers, over a tensor's memory."""

    def __init__(self, tensor: Any) -> None:  # noqa: ANN401, a tensor on the CPU
        self._tensor = tensor
        size = tensor.numel()
        self._numbers = (ctypes.c_int64 * size).from_address(tensor.data_ptr())

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __getitem__(self, piece: slice) -> Array:
        return Array(self._tensor[piece])

    def __setitem__(self, place: int | slice, value: Any) -> None:  # noqa: ANN401
        self._numbers[place] = value.tolist() if isinstance(value, Array) else value

    def fill(self, value: int) -> None:
        """Set all numbers."""
        self._numbers[:] = [value] * len(self)

    def tolist(self) -> list[int]:
        """Return the numbers."""
        return list(self._numbers)


def as_array(tensor: Any) -> Array:  # noqa: ANN401, a tensor on the CPU
    """Stand in for torch.Tensor.numpy."""
    return Array(tensor)


def has_numpy() -> bool:
    """Whether tensors have a view as numpy arrays."""
    return importlib.util.find_spec("numpy") is not None


# The runner


class Buffer:
    """What vLLM's CpuGpuBuffer does, as far as the two pieces use it."""

    def __init__(self, machine: Machine) -> None:
        torch = machine.torch
        gpu = machine.device == "cuda"
        self.cpu = torch.zeros(MAX_REQUESTS, dtype=torch.int64, pin_memory=gpu)
        self.gpu = torch.zeros_like(self.cpu, device=machine.device)
        self.np = self.cpu.numpy()

    def copy_to_gpu(self) -> None:
        """Copy all of it, without waiting."""
        self.gpu.copy_(self.cpu, non_blocking=True)


@dataclass
class Side:
    """One file's lines on a runner of their own."""

    label: str
    method: Callable[..., None]
    reading: Callable[..., None]
    runner: SimpleNamespace
    prepared: Event
    """vLLM's `prepare_inputs_event`."""

    def update(self, tokens: Any) -> None:  # noqa: ANN401, a tensor
        """Take over the accepted tokens of a step: the method of the file."""
        self.method(self.runner, tokens, None)

    def read(self, requests: int) -> list[int]:
        """Read the counts as the next step does, by the lines of the file."""
        self.reading(self.runner, requests)
        found: list[int] = self.runner.num_accepted_tokens.np[:requests].tolist()
        return found


def side(label: str, source: Source, machine: Machine, mode: str = "none") -> Side:
    """Make a runner for a file; `mode` is vLLM's `mamba_cache_mode`."""
    method, reading = source.load(machine.torch)
    tensor, array = machine.pinned(MAX_REQUESTS, value=1)
    runner = SimpleNamespace(
        speculative_config=True,
        model_config=SimpleNamespace(is_hybrid=True),
        cache_config=SimpleNamespace(mamba_cache_mode=mode),
        num_accepted_tokens=Buffer(machine),
        input_batch=SimpleNamespace(
            num_accepted_tokens_cpu_tensor=tensor, num_accepted_tokens_cpu=array
        ),
        # What postprocess_mamba is given in mode align; the stand-in looks at none of it.
        kv_cache_config=None,
        requests=None,
        mamba_state_idx=None,
        compilation_config=SimpleNamespace(static_forward_context=None),
        model=SimpleNamespace(get_mamba_state_copy_func=lambda: None),
    )
    if source.has_event:
        runner.num_accepted_tokens_event = machine.event()
    return Side(label, method, reading, runner, machine.event())


@dataclass(frozen=True)
class Step:
    """The sampled tokens of a step on the GPU, and how many of them were accepted."""

    tokens: Any
    counts: list[int]
    counts_there: Any


def steps_of(machine: Machine, requests: int) -> list[Step]:
    """Return steps in which the count of every request is another than in the step before."""
    torch = machine.torch
    made = []
    for number in range(PATTERNS):
        counts = [(number + request) % PATTERNS + 1 for request in range(requests)]
        rows = [[7] * count + [-1] * (PATTERNS - count) for count in counts]
        tokens = torch.tensor(rows, dtype=torch.int32, device=machine.device)
        there = torch.tensor(counts, dtype=torch.int64, device=machine.device)
        made.append(Step(tokens, counts, there))
    machine.synchronize()
    return made


# What is measured


def spin(microseconds: float) -> None:
    """Keep the CPU at work for this long."""
    end = time.perf_counter_ns() + microseconds * 1000
    while time.perf_counter_ns() < end:
        pass


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the 5th and 95th percentile."""
    twentieths = statistics.quantiles(values, n=20, method="inclusive")
    return {
        "median": round(statistics.median(values), 2),
        "p5": round(twentieths[0], 2),
        "p95": round(twentieths[-1], 2),
    }


def held(
    machine: Machine, sides: Sequence[Side], *, requests: int, queued_us: float, samples: int
) -> dict[str, Any]:
    """Measure the microseconds that the CPU is held in the method behind queued work."""
    steps = steps_of(machine, requests)
    times: dict[str, list[float]] = {one.label: [] for one in sides}
    wrong = 0
    warm_up = 2 * PATTERNS
    for number in range(samples + warm_up):
        step = steps[number % PATTERNS]
        for one in sides:
            machine.synchronize()
            machine.work(queued_us)
            start = time.perf_counter_ns()
            one.update(step.tokens)
            took = (time.perf_counter_ns() - start) / 1000
            machine.synchronize()
            batch = one.runner.input_batch
            wrong += batch.num_accepted_tokens_cpu[:requests].tolist() != step.counts
            if number >= warm_up:
                times[one.label].append(took)
    return {
        "requests": requests,
        "queued_us": queued_us,
        "held_us": {label: spread(values) for label, values in times.items()},
        "wrong_results": wrong,
    }


@dataclass
class Loop:
    """Steps one after another, as the engine runs them under async scheduling."""

    machine: Machine
    one: Side
    requests: int
    gpu_us: float
    """GPU work a step."""
    cpu_us: float
    """CPU work a step, before the first wait for the step before."""
    counts_awaited: bool
    """Whether `_update_states` waits for the number of sampled tokens."""
    stale: int = 0
    times_us: list[float] = field(default_factory=list)

    def run(self, count: int) -> Loop:
        """Run so many steps."""
        machine, one = self.machine, self.one
        steps = steps_of(machine, self.requests)
        sampled: Event | None = None
        one.prepared.record()
        for number in range(count):
            start = time.perf_counter_ns()
            spin(self.cpu_us)
            one.prepared.synchronize()
            if sampled:
                sampled.synchronize()
            found = one.read(self.requests)
            if number and found != steps[(number - 1) % PATTERNS].counts:
                self.stale += 1
            one.prepared.record()
            machine.work(self.gpu_us)
            step = steps[number % PATTERNS]
            one.update(step.tokens)
            if self.counts_awaited:
                sampled = machine.copied(step.counts_there)
            self.times_us.append((time.perf_counter_ns() - start) / 1000)
        machine.synchronize()
        return self


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    held: tuple[tuple[int, float], ...]
    """Requests, and microseconds of queued work."""
    samples: int
    step: tuple[tuple[float, float], ...]
    """Microseconds of GPU work, and of CPU work."""
    loop: int
    stale_gpu_us: float
    stale_cpu: tuple[float, ...]
    """CPU work, as a share of the GPU's."""
    steps: int
    requests: int = 8


FULL = Plan(
    held=((1, 0), (1, 1000), (1, 6000), (8, 0), (8, 6000), (64, 0), (64, 6000)),
    samples=300,
    step=((6000, 0), (6000, 2000), (6000, 5000)),
    loop=200,
    stale_gpu_us=200,
    stale_cpu=(0, 0.5, 2),
    steps=10_000,
)
CHECK = Plan(
    held=((1, 0), (8, 0), (64, 0)),
    samples=20,
    step=((0, 0), (0, 100)),
    loop=20,
    stale_gpu_us=0,
    stale_cpu=(0,),
    steps=200,
)


def measure(machine: Machine, sources: dict[str, Source], plan: Plan) -> dict[str, Any]:
    """Measure everything, and return it as JSON has it."""
    torch = machine.torch
    gpu = machine.device == "cuda"
    sides = [side(label, source, machine) for label, source in sources.items()]
    aligned = [side(label, source, machine, "align") for label, source in sources.items()]
    requests = plan.requests
    answer: dict[str, Any] = {
        "schema": 1,
        "device": torch.cuda.get_device_name() if gpu else "none: simulated on the CPU",
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "numpy": has_numpy(),
        "samples": plan.samples,
        "steps": plan.steps,
        "held": [],
        "step": [],
        "stale": [],
    }
    cases = [("none", sides, *case) for case in plan.held]
    for mode, these, count, queued_us in [*cases, ("align", aligned, *plan.held[-1])]:
        found = held(machine, these, requests=count, queued_us=queued_us, samples=plan.samples)
        answer["held"].append({"mode": mode} | found)
    row: dict[str, Any]
    for gpu_us, cpu_us in plan.step:
        row = {"gpu_us": gpu_us, "cpu_us": cpu_us, "requests": requests, "step_us": {}}
        for one in sides:
            loop = Loop(machine, one, requests, gpu_us, cpu_us, counts_awaited=True)
            row["step_us"][one.label] = spread(loop.run(plan.loop + 10).times_us[10:])
        answer["step"].append(row)
    for awaited in (False, True):
        for share in plan.stale_cpu:
            cpu_us = share * plan.stale_gpu_us
            row = {"counts_awaited": awaited, "gpu_us": plan.stale_gpu_us, "cpu_us": cpu_us}
            row |= {"requests": requests, "steps": plan.steps, "stale": {}}
            for one in sides:
                loop = Loop(machine, one, requests, plan.stale_gpu_us, cpu_us, awaited)
                row["stale"][one.label] = loop.run(plan.steps).stale
            answer["stale"].append(row)
    return answer


def problems(answer: dict[str, Any]) -> list[str]:
    """Return what must not be: wrong results, or a stale read where one cannot be."""
    found = [f"wrong results: {row}" for row in answer["held"] if row["wrong_results"]]
    for row in answer["stale"]:
        for label, count in row["stale"].items():
            if count and (label != LABELS[1] or row["counts_awaited"]):
                found.append(f"{count} stale reads {label}: {row}")
    return found


# The table


def markdown(answer: dict[str, Any]) -> str:
    """Return the tables for the page."""
    labels = list(answer["step"][0]["step_us"])
    machine = (
        f"{answer['device']}, torch {answer['torch']}, CUDA {answer['cuda'] or 'none'}, "
        f"Python {answer['python']}. Times are medians with the 5th and 95th percentile; "
        f"{answer['samples']} runs of the method for each cell of the first table."
        + ("" if answer["numpy"] else " No numpy: a stand-in for its arrays.")
    )
    lines = [
        machine,
        "",
        "CPU held in `_update_states_after_model_execute`, microseconds:",
        "",
        *_head(("requests", "cache mode", "GPU work queued, us"), labels),
    ]
    for row in answer["held"]:
        cells = [str(row["requests"]), row["mode"], f"{row['queued_us']:g}"]
        lines.append(_row([*cells, *(_spread(row["held_us"][label]) for label in labels)]))
    wrong = sum(row["wrong_results"] for row in answer["held"])
    lines += [
        "",
        f"Wrong results in all these runs: {wrong}.",
        "",
        "One step of a loop of GPU work and CPU work, microseconds:",
        "",
        *_head(("GPU work, us", "CPU work, us"), labels),
    ]
    for row in answer["step"]:
        cells = [f"{row['gpu_us']:g}", f"{row['cpu_us']:g}"]
        lines.append(_row([*cells, *(_spread(row["step_us"][label]) for label in labels)]))
    lines += [
        "",
        f"Stale reads in {answer['steps']} steps:",
        "",
        *_head(("wait for sampled counts", "GPU work, us", "CPU work, us"), labels),
    ]
    for row in answer["stale"]:
        awaited = "yes" if row["counts_awaited"] else "no"
        cells = [awaited, f"{row['gpu_us']:g}", f"{row['cpu_us']:g}"]
        lines.append(_row([*cells, *(str(row["stale"][label]) for label in labels)]))
    return "\n".join(lines)


def _head(names: Sequence[str], labels: Sequence[str]) -> list[str]:
    return [_row([*names, *labels]), "|" + "---|" * (len(names) + len(labels))]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(values: dict[str, float]) -> str:
    return f"{values['median']:.0f} ({values['p5']:.0f} to {values['p95']:.0f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description="Measure what #35442 and #36013 change, by running vLLM's own lines.",
        epilog="Exit status: 0 measured, 1 results were wrong, 2 wrong usage, 3 no answer.",
    )
    parser.add_argument("base", type=Path, help="gpu_model_runner.py of the base")
    parser.add_argument("patched", type=Path, nargs="+", help="the same, with each patch more")
    parser.add_argument("--steps", type=int, default=None, help="steps for the stale reads")
    parser.add_argument("--out", type=Path, help="write the answer there, as JSON")
    parser.add_argument(
        "--self-check", action="store_true", help="simulate on the CPU; times mean nothing"
    )
    asked = parser.parse_args(arguments)
    files = [asked.base, *asked.patched]
    if len(files) > len(LABELS):
        parser.error(f"{len(files)} files; two or three are compared")
    labels = LABELS if len(files) == len(LABELS) else (LABELS[0], LABELS[2])
    try:
        torch = importlib.import_module("torch")
        sources = {
            label: find(path.read_text(encoding="utf-8"), str(path))
            for label, path in zip(labels, files, strict=True)
        }
    except (ImportError, OSError, SyntaxError, SourceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    if not asked.self_check and not torch.cuda.is_available():
        print("error: no CUDA GPU\nhint: --self-check needs none", file=sys.stderr)
        return 3
    if not has_numpy():
        torch.Tensor.numpy = as_array
    plan = CHECK if asked.self_check else FULL
    if asked.steps is not None:
        plan = Plan(**{**vars(plan), "steps": asked.steps})
    machine: Machine = Simulated(torch) if asked.self_check else Gpu(torch)
    answer = measure(machine, sources, plan)
    if asked.out:
        asked.out.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
    print(markdown(answer))
    found = problems(answer)
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
