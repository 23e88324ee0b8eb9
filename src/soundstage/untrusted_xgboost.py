"""XGBoost's models from files that nobody vouches for.

XGBoost writes its models as JSON and follows the indices in them without asking. So they are read
here first, checked, and handed on as they were understood: what XGBoost's own parser would make of
a file that two parsers read differently does not matter.
"""

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from soundstage.untrusted_skops import UntrustedFileError

ROOT = 2**31 - 1  # the parent of a node that has none

# XGBoost writes its single numbers as texts.
Count = Annotated[int, BeforeValidator(lambda text: int(text)), Field(ge=0, lt=2**31)]
Index = Annotated[int, Field(ge=-1, lt=2**31)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Nothing = Annotated[list[int], Field(max_length=0)]  # categories: we have none


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _TreeParam(_Part):
    num_nodes: Count
    num_feature: Count
    num_deleted: Annotated[Count, Field(le=0)]
    size_leaf_vector: Annotated[Count, Field(le=1)]


class _Tree(_Part):
    id: int
    tree_param: _TreeParam
    left_children: list[Index]
    right_children: list[Index]
    parents: list[Index]
    split_indices: list[Index]
    split_conditions: list[Number]
    split_type: list[Literal[0]]
    default_left: list[Literal[0, 1]]
    base_weights: list[Number]
    loss_changes: list[Number]
    sum_hessian: list[Number]
    categories: Nothing
    categories_nodes: Nothing
    categories_segments: Nothing
    categories_sizes: Nothing


class _Categories(_Part):
    enc: Nothing
    feature_segments: Nothing
    sorted_idx: Nothing


class _TreesParam(_Part):
    num_parallel_tree: Count
    num_trees: Count


class _Trees(_Part):
    cats: _Categories
    gbtree_model_param: _TreesParam
    iteration_indptr: Annotated[list[Index], Field(min_length=2)]
    tree_info: list[Index]
    trees: list[_Tree]


class _Booster(_Part):
    name: Literal["gbtree"]
    model: _Trees


class _Shape(_Part):
    base_score: str
    boost_from_average: Count
    num_class: Count
    num_feature: Count
    num_target: Count


class _Objective(_Part):
    name: Literal["binary:logistic", "multi:softprob"]
    reg_loss_param: dict[Literal["scale_pos_weight"], str] = {}
    softmax_multiclass_param: dict[Literal["num_class"], Count] = {}


class _Learner(_Part):
    attributes: Annotated[dict[str, str], Field(max_length=0)]
    feature_names: Nothing
    feature_types: Nothing
    gradient_booster: _Booster
    learner_model_param: _Shape
    objective: _Objective


class _Model(_Part):
    version: list[int]
    learner: _Learner


def read(path: Path, *, columns: int, outputs: int, multilabel: bool) -> bytearray:
    """Return what `XGBClassifier.load_model` may be given: a model, as JSON.

    Parameters
    ----------
    columns: of the input that it must have been trained on.
    outputs: classes, or tags if `multilabel`, that it must answer for.

    Raises
    ------
    UntrustedFileError
        The file is damaged or holds another kind of model.
    FileNotFoundError
    """
    text = path.read_bytes()
    try:
        content = json.loads(text)
        model = _Model.model_validate(content)
        check(model, columns=columns, outputs=outputs, multilabel=multilabel)
        return bytearray(json.dumps(content, allow_nan=False).encode())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UntrustedFileError(f"is damaged: {where}: {first['msg']}") from None
    except (RecursionError, ValueError) as error:
        raise UntrustedFileError(f"is damaged: {str(error)[:200]}") from error


def check(model: _Model, *, columns: int, outputs: int, multilabel: bool) -> None:
    """Check every number that XGBoost indexes with; UntrustedFileError."""
    learner = model.learner
    shape, trees = learner.learner_model_param, learner.gradient_booster.model
    binary = multilabel or outputs == 2
    targets = outputs if multilabel and outputs > 1 else 1
    classes = 0 if binary else outputs
    trained = shape.num_feature, shape.num_target, shape.num_class
    if trained != (columns, targets, classes):
        raise UntrustedFileError(
            f"is a model of {shape.num_feature} columns for {shape.num_target} targets of "
            f"{shape.num_class} classes, not of {columns} for {targets} of {classes}"
        )
    if learner.objective.name != ("binary:logistic" if binary else "multi:softprob"):
        raise UntrustedFileError(f"is a model for {learner.objective.name}")
    if any(n != classes for n in learner.objective.softmax_multiclass_param.values()):
        raise UntrustedFileError("is damaged: objective")
    groups = targets if binary else outputs  # of trees, each of which adds to one score
    _base_score(shape.base_score, groups)
    for weight in learner.objective.reg_loss_param.values():
        if not 0 < float(weight) < math.inf:
            raise UntrustedFileError("is damaged: scale_pos_weight")
    n = len(trees.trees)
    layers = trees.iteration_indptr
    fine = (
        trees.gbtree_model_param.num_trees == n == len(trees.tree_info)
        and 0 < trees.gbtree_model_param.num_parallel_tree <= n
        and all(0 <= group < groups for group in trees.tree_info)
        and [tree.id for tree in trees.trees] == list(range(n))
        and layers == sorted(layers)
        and (layers[0], layers[-1]) == (0, n)
    )
    if not fine:
        raise UntrustedFileError("is damaged: the list of trees")
    for tree in trees.trees:
        _check_tree(tree, columns)


def _base_score(text: str, groups: int) -> None:
    scores: Any = json.loads(text)
    numbers = isinstance(scores, list) and all(isinstance(s, int | float) for s in scores)
    if not numbers or len(scores) not in (1, groups) or not all(map(math.isfinite, scores)):
        raise UntrustedFileError("is damaged: base_score")


def _check_tree(tree: _Tree, columns: int) -> None:
    """Children come after their parent, so there is no way in circles; each node has one parent."""
    n = tree.tree_param.num_nodes
    lists = [value for name, value in tree if isinstance(value, list) and "categories" not in name]
    fine = n > 0 and all(len(values) == n for values in lists) and tree.parents[0] == ROOT
    seen = 1
    nodes = zip(tree.left_children, tree.right_children, tree.split_indices, strict=True)
    for i, (left, right, column) in enumerate(nodes):
        if not fine:
            break
        if (left, right) == (-1, -1):
            fine = 0 <= column < columns
        else:
            fine = (
                i < left < n
                and i < right < n
                and left != right
                and tree.parents[left] == tree.parents[right] == i
                and 0 <= column < columns
            )
            seen += 2
    if not fine or seen != n or tree.tree_param.num_feature != columns:
        raise UntrustedFileError(f"is damaged: tree {tree.id}")
