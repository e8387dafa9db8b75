"""What runs a tuned file, in Python: a few lines that a user puts into a program of his own."""

import json
from collections.abc import Iterator
from pathlib import Path

from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES
from effmod_bench.instrument.threads import threads_to_use
from results import ComparisonPlan, Device, GraphOptimization, InputTensor, Runtime, RuntimeOptions


def code_of(path: Path, inputs: tuple[InputTensor, ...], plan: ComparisonPlan, options: RuntimeOptions) -> str:
    """The lines; each input is an array of the name that it has in the file, as far as Python takes that for a name.

    Args:
        path: as the program is to open it.
        inputs: what it takes.
    """
    threads = threads_to_use(plan) or 1
    if options.runtime in NETWORK_RUNTIMES:
        lines = _pytorch(path, options, plan.device, threads)
    elif options.runtime is Runtime.OPENVINO:
        lines = _openvino(path, inputs, threads)
    else:
        lines = _onnxruntime(path, inputs, options, plan.device, threads)
    return "\n".join(lines)


def _onnxruntime(
    path: Path, inputs: tuple[InputTensor, ...], options: RuntimeOptions, device: Device, threads: int
) -> Iterator[str]:
    yield f"import {Runtime.ONNXRUNTIME} as ort"
    yield "options = ort.SessionOptions()"
    if device is Device.CPU:
        yield f"options.intra_op_num_threads = {threads}"
    if options.graph_optimization is not GraphOptimization.ALL:
        level = f"ORT_ENABLE_{options.graph_optimization.upper()}"
        yield f"options.graph_optimization_level = ort.GraphOptimizationLevel.{level}"
    for entry, asked in {
        'session.intra_op.allow_spinning", "0': not options.allow_spinning,
        'session.set_denormal_as_zero", "1': options.denormal_as_zero,
    }.items():
        if asked:
            yield f'options.add_session_config_entry("{entry}")'
    yield f"session = ort.InferenceSession({_text(path)}, options, providers={_providers(device, options)})"
    yield f"outputs = session.run(None, {_feed(inputs)})"


def _providers(device: Device, options: RuntimeOptions) -> str:
    if device is Device.CPU:
        return '["CPUExecutionProvider"]'
    own = {
        "device_id": options.device_index,
        "use_tf32": int(options.use_tf32),
        "prefer_nhwc": int(options.prefer_nhwc),
        "enable_cuda_graph": int(options.cuda_graph),
    }
    if options.runtime is Runtime.TENSORRT:
        return f'[("TensorrtExecutionProvider", {{"device_id": {options.device_index}}}), "CUDAExecutionProvider"]'
    return f'[("CUDAExecutionProvider", {own})]'


def _openvino(path: Path, inputs: tuple[InputTensor, ...], threads: int) -> Iterator[str]:
    yield "import openvino"
    yield f'settings = {{"INFERENCE_NUM_THREADS": {threads}, "PERFORMANCE_HINT": "LATENCY"}}'
    yield 'settings["INFERENCE_PRECISION_HINT"] = "f32"  # or it takes bfloat16 where the processor has it'
    yield f'model = openvino.Core().compile_model({_text(path)}, "CPU", settings)'
    yield f"outputs = model({_feed(inputs)})"


def _pytorch(path: Path, options: RuntimeOptions, device: Device, threads: int) -> Iterator[str]:
    compiled = options.runtime is Runtime.TORCH_COMPILE
    to = "" if device is Device.CPU else f'.to("cuda:{options.device_index}")'
    yield "import torch"
    yield "from exporters import load_network"
    yield f"torch.set_num_threads({threads})"
    built = f"load_network({_text(path)}){to}"
    yield f"model = {f'torch.compile({built})' if compiled else built}"
    yield f"with torch.inference_mode(): outputs = model(torch.from_numpy(x){to})"


def _text(value: Path | str) -> str:
    """As Python writes it, in the quotes of the other lines."""
    return json.dumps(str(value), ensure_ascii=False)


def _feed(inputs: tuple[InputTensor, ...]) -> str:
    """Where there is but one, it is called x."""
    if len(inputs) == 1:
        return f"{{{_text(inputs[0].name)}: x}}"
    return "{" + ", ".join(f"{_text(each.name)}: x[{_text(each.name)}]" for each in inputs) + "}"
