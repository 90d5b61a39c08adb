"""Variables of .tflite files: what becomes a state, what a constant, and how a file may contradict itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.importers.mutations import contradicted, mutations
from tests.importers.test_hostile_tflite import survives
from tests.importers.tflite_files import case_file, edited
from tests.stateful_graphs import like, streaming_network, values
from tinyml.errors import ModelError, UnsupportedError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.interpreter import Inferences
from tinyml.ir import DType, Graph, Node, Quant, State, Tensor
from tinyml.ops import Add, Relu

INPUT = Tensor("x", (1, 4), DType.INT8, Quant.per_tensor(0.1, 3))


def accumulator() -> Graph:
    """y = x + state; the state becomes y. Operators: CALL_ONCE, VAR_HANDLE, READ_VARIABLE, ADD, ASSIGN_VARIABLE."""
    read, result = like(INPUT, "sum"), like(INPUT, "y")
    state = State(read, result, np.full((1, 4), 3, np.int8))
    return Graph("accumulator", (Node("y", Add(), (INPUT, read), (result,)),), (INPUT,), (result,), states=(state,))


def imported(edit: Callable[[Any], None]) -> Graph:
    return from_tflite(edited(to_tflite(accumulator()), edit), "edited")


def test_a_variable_is_a_state() -> None:
    (state,) = from_tflite(to_tflite(accumulator()), "x").states
    assert (state.name, state.written.name, state.initial.tolist()) == ("sum", "y", [[3, 3, 3, 3]])


def test_a_variable_that_is_never_assigned_is_a_constant() -> None:
    graph = imported(lambda model: model.subgraphs[0].operators.pop(4))
    assert not graph.states
    assert graph.nodes[0].inputs[1].values.tolist() == [[3, 3, 3, 3]]


def test_a_variable_that_is_never_read_is_nothing() -> None:
    def edit(model: Any) -> None:
        operators = model.subgraphs[0].operators
        operators[3].inputs = np.array([operators[3].inputs[0]] * 2, np.int32)
        operators.pop(2)

    assert not imported(edit).states


def test_what_is_assigned_is_read_back_in_the_same_inference() -> None:
    """The variable is read again behind ASSIGN_VARIABLE, into a tensor of its own, which a RELU reads."""

    def edit(model: Any) -> None:
        main = model.subgraphs[0]
        tensors, operators = main.tensors, main.operators
        tensors += [_copied(tensors[operators[3].outputs[0]], "again"), _copied(tensors[main.outputs[0]], "z")]
        second, relu = schema.OperatorT(), schema.OperatorT()
        second.opcodeIndex, second.inputs = operators[2].opcodeIndex, operators[2].inputs
        second.outputs = np.array([len(tensors) - 2], np.int32)
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
        model.operatorCodes.append(code)
        relu.opcodeIndex, relu.inputs = len(model.operatorCodes) - 1, second.outputs
        relu.outputs = np.array([len(tensors) - 1], np.int32)
        operators += [second, relu]
        main.outputs = relu.outputs

    graph = imported(edit)
    assert [node.op for node in graph.nodes] == [Add(), Relu()]
    assert graph.nodes[1].inputs == graph.nodes[0].outputs == (graph.states[0].written,)


def _copied(tensor: Any, name: str) -> Any:
    copy = schema.TensorT()
    copy.name, copy.shape, copy.type, copy.quantization = name, tensor.shape, tensor.type, tensor.quantization
    return copy


def _drop_initialization(model: Any) -> None:
    model.subgraphs[0].operators.pop(0)


def _initialize_twice(model: Any) -> None:
    model.subgraphs[0].operators.insert(0, model.subgraphs[0].operators[0])


def _initialize_with(number: int) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        model.subgraphs[0].operators[0].builtinOptions.initSubgraphIndex = number

    return edit


def _compute_the_initial_value(model: Any) -> None:
    model.subgraphs[1].operators[1].opcodeIndex = model.subgraphs[0].operators[3].opcodeIndex


def _initial_value_without_data(model: Any) -> None:
    model.subgraphs[1].tensors[1].buffer = 0


def _read_as(name: str, value: Any) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        main = model.subgraphs[0]
        setattr(main.tensors[main.operators[2].outputs[0]], name, value)

    return edit


def _read_with_another_scale(model: Any) -> None:
    main = model.subgraphs[0]
    main.tensors[main.operators[2].outputs[0]].quantization.scale = np.array([0.5], np.float32)


def _handle_is_the_input(model: Any) -> None:
    model.subgraphs[0].operators[2].inputs = np.array(model.subgraphs[0].inputs, np.int32)


def _read_into_the_input(model: Any) -> None:
    model.subgraphs[0].operators[2].outputs = np.array(model.subgraphs[0].inputs, np.int32)


def _assign_nothing(model: Any) -> None:
    model.subgraphs[0].operators[4].inputs = model.subgraphs[0].operators[4].inputs[:1]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_drop_initialization, "'sum' is read before it has a value"),
        (_initialize_twice, "a second initialization"),
        (_compute_the_initial_value, "the initialization of variables computes: layer 1, ADD"),
        (_initial_value_without_data, "which is not a constant"),
        (_read_as("type", schema.TensorType.FLOAT32), "variable 'sum' is float32; int8 is supported"),
        (_read_as("shape", np.array([1, 2, 2], np.int32)), "'sum' begins as .*int8.1x4.* and is read as"),
        (_read_with_another_scale, "'sum' begins as .*0.1 .* and is read as .*0.5"),
    ],
)
def test_unsupported(edit: Callable[[Any], None], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        imported(edit)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_initialize_with(0), "the main subgraph initializes itself"),
        (_initialize_with(2), "no subgraph 2"),
        (_initialize_with(-1), "no subgraph -1"),
        (_handle_is_the_input, "is not the handle of a variable"),
        (_read_into_the_input, "is read into a tensor that has a value"),
        (_assign_nothing, "1 operands or outputs, 2 expected"),
    ],
)
def test_contradictions(edit: Callable[[Any], None], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        imported(edit)


@pytest.mark.timeout(60)
def test_mutations() -> None:
    data = to_tflite(streaming_network())
    rng = np.random.default_rng(4)
    survivors = sum(map(survives, mutations(data, 150, seed=4))) + sum(
        survives(contradicted(data, rng)) for _ in range(80)
    )
    assert 0 < survivors < 230


def test_inferences_keep_what_they_were_given() -> None:
    """The caller may fill the array anew that became the state."""
    delay = like(INPUT, "before")
    result = like(INPUT, "y")
    nodes = (Node("y", Relu(), (delay,), (result,)),)
    states = (State(delay, INPUT, values(np.random.default_rng(0), (1, 4))),)
    inferences = Inferences(Graph("delay", nodes, (INPUT,), (result,), states=states))
    given = np.full((1, 4), 9, np.int8)
    inferences.run(given)
    given[:] = 7
    assert inferences.run(given)[0].tolist() == [[9, 9, 9, 9]]
    inferences.reset()
    (first,) = inferences.run(given)
    assert first.tolist() == np.maximum(states[0].initial, 3).tolist()


def recurrent(kind: str, edit: Callable[[Any], None]) -> Graph:
    return from_tflite(edited(case_file(kind), edit), kind)


def _operand(index: int, **fields: Any) -> Callable[[Any], None]:
    """Changes the tensor of an operand of the only operator."""

    def edit(model: Any) -> None:
        main = model.subgraphs[0]
        for name, value in fields.items():
            setattr(main.tensors[main.operators[0].inputs[index]], name, value)

    return edit


def _quant_of(index: int, **fields: Any) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        main = model.subgraphs[0]
        for name, value in fields.items():
            setattr(main.tensors[main.operators[0].inputs[index]].quantization, name, np.array(value))

    return edit


def _take(index: int, other: int) -> Callable[[Any], None]:
    """An operand stands at the place of another that may be left out."""

    def edit(model: Any) -> None:
        operator = model.subgraphs[0].operators[0]
        operator.inputs = np.array(operator.inputs, np.int32)
        operator.inputs[index] = operator.inputs[other]

    return edit


def _option(**fields: Any) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.subgraphs[0].operators[0].builtinOptions, name, value)

    return edit


@pytest.mark.parametrize(
    ("kind", "edit", "message"),
    [
        ("svdf", _operand(4, isVariable=False), "its state 'state' is not a variable of its own"),
        ("svdf", _operand(4, type=schema.TensorType.INT32), "its state 'state' is int32; int8 and int16"),
        ("svdf", _operand(1, isVariable=True), "'feature_weights' is a variable"),
        ("svdf", _operand(3, type=schema.TensorType.INT8), "'bias'"),
        ("svdf", _quant_of(2, zeroPoint=[4]), "one scale, zero point 0 expected"),
        ("lstm", _take(18, 19), "is not a variable of its own"),
        ("lstm", _take(9, 5), "peephole weights"),
        ("lstm", _take(16, 5), "a projection"),
        ("lstm", _take(22, 12), "layer normalization"),
        ("lstm", _option(timeMajor=True), "time in front of the batch"),
        ("lstm", _option(fusedActivationFunction=1), "another activation than TANH"),
        ("lstm", _quant_of(18, zeroPoint=[77]), "a hidden state of .* for an output of"),
        ("lstm", _quant_of(19, scale=np.float32([0.003])), "a cell state in steps of 0.003"),
        ("lstm", _quant_of(6, zeroPoint=[1]), "one scale, zero point 0 expected"),
    ],
)
def test_unsupported_recurrent_operators(kind: str, edit: Callable[[Any], None], message: str) -> None:
    with pytest.raises((UnsupportedError, ModelError), match=message):
        recurrent(kind, edit)


@pytest.mark.parametrize("kind", ["svdf", "lstm"])
def test_recurrent_operators_have_states(kind: str) -> None:
    graph = recurrent(kind, lambda model: None)
    (node,) = graph.nodes
    assert [(s.read, s.written) for s in graph.states] == list(node.op.replaces(node))
    assert all((s.initial == s.read.affine.zero_point).all() for s in graph.states)


def test_what_follows_a_recurrent_operator_sees_its_state_as_it_leaves_it() -> None:
    """A graph output that names the variable tensor is the next state."""

    def edit(model: Any) -> None:
        main = model.subgraphs[0]
        main.outputs = np.append(main.outputs, main.operators[0].inputs[18]).astype(np.int32)

    graph = recurrent("lstm", edit)
    assert graph.outputs[1] is graph.states[0].written
