"""Writes autograd_cases.txt: what PyTorch (Debian's python3-torch) says of views, no_grad, written values and freed graphs.

Run: /usr/bin/python3 tests/golden/make_autograd_cases.py
A line is `NAME|FACTS`. The C++ twin, case by case, is tests/frontend/autograd_cases_test.cpp.
"""
import pathlib
import warnings

import torch
from torch import autograd

HERE = pathlib.Path(__file__).resolve().parent
warnings.simplefilter("ignore")  # .grad of tensors that are no leaves is looked at
CASES = {}


def case(function):
    CASES[function.__name__] = function


def facts(tensor):
    """requires_grad, is_leaf, grad_fn."""
    name = type(tensor.grad_fn).__name__ if tensor.grad_fn is not None else "None"
    return f"{tensor.requires_grad} {tensor.is_leaf} {name}"


def values(tensor):
    return "None" if tensor is None else "[" + ", ".join(f"{v:g}" for v in tensor.detach().flatten().tolist()) + "]"


def leaf(*shape):
    return torch.ones(shape or 4, requires_grad=True)


def part(tensor, with_gradients):
    with torch.set_grad_enabled(with_gradients):
        return tensor[:2]


# ---- views made without gradients, and of what had none

@case
def no_grad_view_of_a_leaf():
    return facts(part(leaf(), False))


@case
def no_grad_view_of_a_result():
    view = part(leaf() * 1, False)
    return [facts(view), facts(view.view(2, 1)), facts(view * 2)]


@case
def no_grad_view_of_a_plain_tensor():
    return facts(part(torch.ones(4), False))


@case
def no_grad_view_of_a_no_grad_view():
    view = part(leaf(), False)
    with torch.no_grad():
        second = view.view(2, 1)
    return facts(second)


@case
def no_grad_view_gives_no_gradient_on():
    x = leaf()
    view = part(x, False)
    (view * 2).sum().backward()
    return [values(view.grad), values(x.grad)]


@case
def no_grad_view_of_a_result_gives_no_gradient_on():
    x = leaf()
    view = part(x * 1, False)
    (view * 3).sum().backward()
    return [values(view.grad), values(x.grad)]


@case
def view_of_a_no_grad_view_gives_no_gradient_on():
    x = leaf()
    view = part(x, False).view(2, 1)
    (view * 3).sum().backward()
    return [values(x.grad)]


@case
def no_grad_view_was_not_used():
    x = leaf()
    return values(autograd.grad((part(x, False) * 2).sum(), x)[0])


@case
def no_grad_view_itself_was_not_used():
    view = part(leaf(), False)
    return values(autograd.grad((view * 2).sum(), view)[0])


@case
def no_grad_view_beside_its_base():
    x = leaf()
    (part(x, False) * x[2:]).sum().backward()
    return values(x.grad)


@case
def no_grad_view_made_a_leaf():
    view = part(torch.ones(4), False)
    view.requires_grad_()
    (view * 3).sum().backward()
    return [facts(view), values(view.grad)]


@case
def view_made_before_its_base_was_a_leaf():
    base = torch.ones(4)
    view = base[:2]
    base.requires_grad_()
    fact = facts(view)
    (view * 3).sum().backward()
    return [fact, values(view.grad), values(base.grad)]


@case
def view_of_a_detached_leaf():
    x = leaf()
    return [facts(x.detach()), facts(x.detach()[:2])]


# ---- writes

@case
def no_grad_view_whose_base_was_written_without():
    x = leaf()
    view = part(x, False)
    with torch.no_grad():
        x.mul_(2)
    return [values(view), view.requires_grad]


@case
def no_grad_view_whose_base_was_written_without_used():
    x = leaf()
    view = part(x, False)
    with torch.no_grad():
        x.mul_(2)
    return values(view * 2)


@case
def no_grad_view_whose_base_was_written_without_used_without():
    x = leaf()
    view = part(x, False)
    with torch.no_grad():
        x.mul_(2)
        return values(view * 2)


@case
def no_grad_view_whose_base_was_written_with():
    base = leaf() * 1
    view = part(base, False)
    base.mul_(2)
    return values(view * 2)


@case
def no_grad_view_of_a_plain_tensor_written_with():
    base = torch.ones(4)
    view = part(base, False)
    base.mul_(leaf())
    return values(view * 2)


@case
def no_grad_view_of_a_plain_tensor_written_plainly():
    base = torch.ones(4)
    view = part(base, False)
    base.mul_(3)
    view.mul_(2)
    return [facts(view), values(view * 2)]


@case
def no_grad_view_of_a_leaf_written():
    part(leaf(), False).mul_(2)


@case
def no_grad_view_of_a_result_written():
    part(leaf() * 1, False).mul_(2)


@case
def no_grad_view_of_a_plain_tensor_written_by_a_leaf():
    part(torch.ones(4), False).mul_(leaf(2))


@case
def view_of_a_plain_tensor_written_with():
    base, w = torch.ones(4), leaf()
    view = base[:2]
    base.mul_(w * 3)
    view.sum().backward()
    return [facts(view), facts(base), values(w.grad)]


@case
def view_of_a_leaf_written():
    leaf()[:2].mul_(2)


@case
def view_of_a_leaf_written_without():
    x = leaf()
    view = x[:2]
    with torch.no_grad():
        view.mul_(3)
    fact = [facts(view), facts(x), values(x)]
    (view * view).sum().backward()
    return fact + [values(x.grad)]


@case
def view_of_a_leaf_whose_base_was_written_without():
    x = leaf()
    view = x[:2]
    with torch.no_grad():
        x.mul_(5)
    fact = [facts(view), values(view)]
    (view * view).sum().backward()
    return fact + [values(x.grad)]


@case
def view_of_a_result_written_with():
    x = leaf()
    y = x * 2
    view = y[:2]
    view.mul_(3)
    y.sum().backward()
    return [facts(y), facts(view), values(x.grad)]


@case
def view_of_a_result_whose_base_was_written_with():
    x = leaf()
    y = x * 2
    view = y[:2]
    y.mul_(3)
    fact = [facts(y), facts(view)]
    (view * view).sum().backward()
    return fact + [values(x.grad)]


@case
def view_of_a_plain_tensor_filled_by_a_leaf():
    base = torch.zeros(4)
    view = base[:2]
    view.copy_(leaf()[:2])
    return [facts(base), facts(view)]


@case
def view_of_a_plain_tensor_filled_without():
    base = torch.zeros(4)
    view = base[:2]
    with torch.no_grad():
        view.copy_(leaf()[:2])
    return [facts(base), facts(view)]


@case
def leaf_view_whose_base_was_written_plainly():
    base = torch.ones(4)
    view = base[:2]
    view.requires_grad_()
    base.mul_(3)
    return [facts(view), values(view)]


@case
def detached_alias_written():
    x = leaf()
    other = x.detach()
    other.mul_(2)
    return [facts(other), values(x)]


# ---- saved values that were written

@case
def saved_result_written():
    y = leaf().exp()
    y.add_(1)
    y.sum().backward()


@case
def saved_result_written_twice():
    y = leaf().exp()
    y.add_(1)
    y.mul_(2)
    y.sum().backward()


@case
def saved_after_a_write():
    y = leaf() * 1
    y.add_(1)
    z = y * y
    y.add_(1)
    z.sum().backward()


@case
def saved_and_dropped():
    def inner():
        y = leaf() * 1
        z = y * y
        y.add_(1)
        y.add_(1)
        y.mul_(2)
        return z
    inner().sum().backward()


@case
def saved_operand_written_without():
    y = leaf() * 1
    z = y * y
    with torch.no_grad():
        y.add_(1)
    z.sum().backward()


@case
def saved_view_whose_base_was_written():
    y = leaf() * 1
    view = y[1:3]
    z = view * view
    y.add_(1)
    z.sum().backward()


@case
def saved_base_whose_view_was_written():
    y = leaf() * 1
    view = y[1:3]
    z = y * y
    view.add_(1)
    z.sum().backward()


@case
def saved_view_of_a_leaf_written_without():
    x = leaf()
    view = x[:2]
    z = (view * view).sum()
    with torch.no_grad():
        x.mul_(5)
    z.backward()


@case
def saved_operand_of_matmul():
    x, w = leaf(2, 3), leaf(3, 2)
    y = x * 1
    z = y @ w
    y.add_(1)
    y.sub_(1)
    y.mul_(1)
    z.sum().backward()


@case
def saved_double():
    y = torch.ones(2, dtype=torch.float64, requires_grad=True).sigmoid()
    y.zero_()
    y.sum().backward()


@case
def saved_scalar():
    y = torch.ones((), requires_grad=True).tanh()
    y.add_(1)
    y.backward()


@case
def saved_bfloat16():
    y = torch.ones(2, dtype=torch.bfloat16, requires_grad=True).relu()
    y.add_(1)
    y.sum().backward()


@case
def saved_plain_operand():
    x, w = leaf(), torch.ones(4)
    z = x * w
    w.add_(1)
    z.sum().backward()


@case
def saved_leaf_written_through_its_detached_alias():
    x = leaf()
    y = x * x
    x.detach().mul_(2)
    y.sum().backward()


@case
def saved_index():
    index = torch.tensor([0, 1])
    y = torch.index_select(leaf(), 0, index)
    index.add_(1)
    y.sum().backward()


@case
def saved_operand_overwritten():
    y = leaf() * 1
    z = y * y
    y.copy_(torch.zeros(4))
    z.sum().backward()


@case
def saved_operand_filled():
    y = leaf() * 1
    z = y.log()
    y.uniform_()
    z.sum().backward()


@case
def written_where_it_is_not_read():
    x = leaf()
    y = x * 3
    y.add_(1)
    y.sum().backward()
    return values(x.grad)


# ---- graphs that were freed

def square_and_other():
    x, z = leaf(), leaf()
    a, b = x * x, z + 1
    y = a.sum() + b.sum()
    y.backward()
    return x, z, a, b, y


@case
def freed_on_the_path():
    x, z, a, b, y = square_and_other()
    return values(autograd.grad(y, x)[0])


@case
def freed_off_the_path():
    x, z, a, b, y = square_and_other()
    return values(autograd.grad(y, z)[0])


@case
def freed_below_the_input():
    x, z, a, b, y = square_and_other()
    return [values(autograd.grad(y, a, retain_graph=True)[0]), values(autograd.grad(y, y)[0])]


@case
def freed_and_again():
    x, z, a, b, y = square_and_other()
    y.backward()


@case
def freed_and_nothing_to_do_with_it():
    x, z, a, b, y = square_and_other()
    return values(autograd.grad(y, leaf(), allow_unused=True)[0])


@case
def freed_and_unused():
    x, z, a, b, y = square_and_other()
    return values(autograd.grad(y, leaf())[0])


@case
def freed_above_what_saves_nothing():
    x = leaf()
    h = x + 1
    (h * h).sum().backward()
    return values(autograd.grad(h.sum(), x)[0])


@case
def grad_frees_its_path_alone():
    x = leaf()
    a = x * x
    y = (a * a).sum()
    return [values(autograd.grad(y, a)[0]), values(autograd.grad(a.sum(), x)[0])]


@case
def grad_of_one_branch_then_the_other():
    x, z = leaf(), leaf()
    y = (x * x).sum() + (z * z).sum()
    return [values(autograd.grad(y, x)[0]), values(autograd.grad(y, z)[0])]


@case
def grad_of_one_branch_then_backward():
    x, z = leaf(), leaf()
    y = (x * x).sum() + (z * z).sum()
    autograd.grad(y, x)
    y.backward()


@case
def grad_of_one_factor_then_the_other():
    x, z = leaf(), leaf()
    y = (x * z).sum()
    autograd.grad(y, x)
    return values(autograd.grad(y, z)[0])


@case
def freed_operand_used_again():
    x, z = leaf(), leaf()
    y = (x * x).sum()
    w = y * z.sum()
    y.backward()
    return values(autograd.grad(w, z)[0])


@case
def freed_input_used_again():
    y = leaf() * 1
    z = y * y
    z.sum().backward()
    return values(autograd.grad((z * z).sum(), z)[0])


@case
def freed_input_used_again_and_beyond():
    x = leaf()
    z = x * x
    z.sum().backward()
    return values(autograd.grad((z * z).sum(), x)[0])


lines = []
for name, function in CASES.items():
    try:
        found = function()
        text = "; ".join(map(str, found)) if isinstance(found, list) else str(found)
    except RuntimeError as error:
        text = str(error)
    lines.append(name + "|" + text)
(HERE / "autograd_cases.txt").write_text("\n".join(lines) + "\n")
