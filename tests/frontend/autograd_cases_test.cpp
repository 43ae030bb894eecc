// Views, no_grad, written values and freed graphs, case by case as in tests/golden/make_autograd_cases.py: what PyTorch says of
// them, in the golden file, is what ember says, whether or not what was recorded was cut meanwhile.
#include <ember/ember.h>

#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <sstream>

using ember::NoGradGuard;
using ember::Tensor;
using ember::autograd::grad;

namespace {

bool cuts = false;
void cut() {
  if (cuts)
    ember::synchronize();
}

std::string functionOf(const Tensor &tensor) {
  std::ostringstream stream;
  stream << tensor;
  std::string text = stream.str();
  size_t place = text.find("grad_fn=<");
  return place == std::string::npos ? "None" : text.substr(place + 9, text.find('>', place) - place - 9);
}

const char *word(bool value) { return value ? "True" : "False"; }
std::string facts(const Tensor &tensor) {
  return std::string(word(tensor.requires_grad())) + " " + word(tensor.is_leaf()) + " " + functionOf(tensor);
}
std::string values(const Tensor &tensor) {
  if (!tensor.defined())
    return "None";
  std::ostringstream stream;
  for (double value : tensor.detach().to(ember::kFloat64).to_vector<double>())
    stream << (stream.tellp() > 0 ? ", " : "") << value;
  return "[" + stream.str() + "]";
}
std::string list(std::initializer_list<std::string> texts) {
  std::string joined;
  for (const std::string &text : texts)
    joined += (joined.empty() ? "" : "; ") + text;
  return joined;
}

Tensor leaf(ember::Shape shape = {4}) { return ember::ones(std::move(shape)).requires_grad_(); }
Tensor first(const Tensor &tensor) { return tensor.slice(0, 0, 2); }
Tensor plainly(const Tensor &tensor) {
  NoGradGuard noGrad;
  return first(tensor);
}
void scale(Tensor tensor, double factor) {
  NoGradGuard noGrad;
  tensor.mul_(factor);
}
Tensor gradOf(const Tensor &output, const Tensor &input, bool retain = false, bool allowUnused = false) {
  cut();
  return grad({output}, {input}, {}, retain, false, allowUnused)[0];
}
void backward(const Tensor &output) {
  cut();
  output.backward();
  cut();
}

struct SquareAndOther {
  Tensor x = leaf(), z = leaf(), a = x * x, b = z + 1, y = a.sum() + b.sum();
  SquareAndOther() { backward(y); }
};

using Case = std::function<std::string()>;
const std::vector<std::pair<std::string, Case>> kCases = {
    {"no_grad_view_of_a_leaf", [] { return facts(plainly(leaf())); }},
    {"no_grad_view_of_a_result",
     [] {
       Tensor view = plainly(leaf() * 1);
       return list({facts(view), facts(view.view({2, 1})), facts(view * 2)});
     }},
    {"no_grad_view_of_a_plain_tensor", [] { return facts(plainly(ember::ones({4}))); }},
    {"no_grad_view_of_a_no_grad_view",
     [] {
       Tensor view = plainly(leaf());
       NoGradGuard noGrad;
       return facts(view.view({2, 1}));
     }},
    {"no_grad_view_gives_no_gradient_on",
     [] {
       Tensor x = leaf(), view = plainly(x);
       backward((view * 2).sum());
       return list({values(view.grad()), values(x.grad())});
     }},
    {"no_grad_view_of_a_result_gives_no_gradient_on",
     [] {
       Tensor x = leaf(), view = plainly(x * 1);
       backward((view * 3).sum());
       return list({values(view.grad()), values(x.grad())});
     }},
    {"view_of_a_no_grad_view_gives_no_gradient_on",
     [] {
       Tensor x = leaf(), view = plainly(x).view({2, 1});
       backward((view * 3).sum());
       return values(x.grad());
     }},
    {"no_grad_view_was_not_used",
     [] {
       Tensor x = leaf();
       return values(gradOf((plainly(x) * 2).sum(), x));
     }},
    {"no_grad_view_itself_was_not_used",
     [] {
       Tensor view = plainly(leaf());
       return values(gradOf((view * 2).sum(), view));
     }},
    {"no_grad_view_beside_its_base",
     [] {
       Tensor x = leaf();
       backward((plainly(x) * x.slice(0, 2, 4)).sum());
       return values(x.grad());
     }},
    {"no_grad_view_made_a_leaf",
     [] {
       Tensor view = plainly(ember::ones({4}));
       view.requires_grad_();
       backward((view * 3).sum());
       return list({facts(view), values(view.grad())});
     }},
    {"view_made_before_its_base_was_a_leaf",
     [] {
       Tensor base = ember::ones({4}), view = first(base);
       base.requires_grad_();
       std::string fact = facts(view);
       backward((view * 3).sum());
       return list({fact, values(view.grad()), values(base.grad())});
     }},
    {"view_of_a_detached_leaf",
     [] {
       Tensor x = leaf();
       return list({facts(x.detach()), facts(first(x.detach()))});
     }},

    {"no_grad_view_whose_base_was_written_without",
     [] {
       Tensor x = leaf(), view = plainly(x);
       scale(x, 2);
       return list({values(view), word(view.requires_grad())});
     }},
    {"no_grad_view_whose_base_was_written_without_used",
     [] {
       Tensor x = leaf(), view = plainly(x);
       scale(x, 2);
       cut();
       return values(view * 2);
     }},
    {"no_grad_view_whose_base_was_written_without_used_without",
     [] {
       Tensor x = leaf(), view = plainly(x);
       scale(x, 2);
       cut();
       NoGradGuard noGrad;
       return values(view * 2);
     }},
    {"no_grad_view_whose_base_was_written_with",
     [] {
       Tensor base = leaf() * 1, view = plainly(base);
       base.mul_(2);
       return values(view * 2);
     }},
    {"no_grad_view_of_a_plain_tensor_written_with",
     [] {
       Tensor base = ember::ones({4}), view = plainly(base);
       base.mul_(leaf());
       return values(view * 2);
     }},
    {"no_grad_view_of_a_plain_tensor_written_plainly",
     [] {
       Tensor base = ember::ones({4}), view = plainly(base);
       base.mul_(3);
       view.mul_(2);
       return list({facts(view), values(view * 2)});
     }},
    {"no_grad_view_of_a_leaf_written", [] { return plainly(leaf()).mul_(2), ""; }},
    {"no_grad_view_of_a_result_written", [] { return plainly(leaf() * 1).mul_(2), ""; }},
    {"no_grad_view_of_a_plain_tensor_written_by_a_leaf", [] { return plainly(ember::ones({4})).mul_(leaf({2})), ""; }},
    {"view_of_a_plain_tensor_written_with",
     [] {
       Tensor base = ember::ones({4}), w = leaf(), view = first(base);
       base.mul_(w * 3);
       backward(view.sum());
       return list({facts(view), facts(base), values(w.grad())});
     }},
    {"view_of_a_leaf_written", [] { return first(leaf()).mul_(2), ""; }},
    {"view_of_a_leaf_written_without",
     [] {
       Tensor x = leaf(), view = first(x);
       scale(view, 3);
       std::string fact = list({facts(view), facts(x), values(x)});
       backward((view * view).sum());
       return list({fact, values(x.grad())});
     }},
    {"view_of_a_leaf_whose_base_was_written_without",
     [] {
       Tensor x = leaf(), view = first(x);
       scale(x, 5);
       std::string fact = list({facts(view), values(view)});
       backward((view * view).sum());
       return list({fact, values(x.grad())});
     }},
    {"view_of_a_result_written_with",
     [] {
       Tensor x = leaf(), y = x * 2, view = first(y);
       view.mul_(3);
       backward(y.sum());
       return list({facts(y), facts(view), values(x.grad())});
     }},
    {"view_of_a_result_whose_base_was_written_with",
     [] {
       Tensor x = leaf(), y = x * 2, view = first(y);
       y.mul_(3);
       std::string fact = list({facts(y), facts(view)});
       backward((view * view).sum());
       return list({fact, values(x.grad())});
     }},
    {"view_of_a_plain_tensor_filled_by_a_leaf",
     [] {
       Tensor base = ember::zeros({4}), view = first(base);
       view.copy_(first(leaf()));
       return list({facts(base), facts(view)});
     }},
    {"view_of_a_plain_tensor_filled_without",
     [] {
       Tensor base = ember::zeros({4}), view = first(base);
       {
         NoGradGuard noGrad;
         view.copy_(first(leaf()));
       }
       return list({facts(base), facts(view)});
     }},
    {"leaf_view_whose_base_was_written_plainly",
     [] {
       Tensor base = ember::ones({4}), view = first(base);
       view.requires_grad_();
       base.mul_(3);
       return list({facts(view), values(view)});
     }},
    {"detached_alias_written",
     [] {
       Tensor x = leaf(), other = x.detach();
       other.mul_(2);
       return list({facts(other), values(x)});
     }},

    {"saved_result_written",
     [] {
       Tensor y = leaf().exp();
       y.add_(1);
       return backward(y.sum()), "";
     }},
    {"saved_result_written_twice",
     [] {
       Tensor y = leaf().exp();
       y.add_(1);
       cut();
       y.mul_(2);
       return backward(y.sum()), "";
     }},
    {"saved_after_a_write",
     [] {
       Tensor y = leaf() * 1;
       y.add_(1);
       Tensor z = y * y;
       cut();
       y.add_(1);
       return backward(z.sum()), "";
     }},
    {"saved_and_dropped",
     [] {
       auto inner = [] {
         Tensor y = leaf() * 1, z = y * y;
         y.add_(1);
         y.add_(1);
         cut();
         y.mul_(2);
         return z;
       };
       return backward(inner().sum()), "";
     }},
    {"saved_operand_written_without",
     [] {
       Tensor y = leaf() * 1, z = y * y;
       {
         NoGradGuard noGrad;
         y.add_(1);
       }
       return backward(z.sum()), "";
     }},
    {"saved_view_whose_base_was_written",
     [] {
       Tensor y = leaf() * 1, view = y.slice(0, 1, 3), z = view * view;
       y.add_(1);
       return backward(z.sum()), "";
     }},
    {"saved_base_whose_view_was_written",
     [] {
       Tensor y = leaf() * 1, view = y.slice(0, 1, 3), z = y * y;
       view.add_(1);
       return backward(z.sum()), "";
     }},
    {"saved_view_of_a_leaf_written_without",
     [] {
       Tensor x = leaf(), view = first(x), z = (view * view).sum();
       scale(x, 5);
       return backward(z), "";
     }},
    {"saved_operand_of_matmul",
     [] {
       Tensor x = leaf({2, 3}), w = leaf({3, 2}), y = x * 1, z = matmul(y, w);
       y.add_(1);
       y.sub_(1);
       y.mul_(1);
       return backward(z.sum()), "";
     }},
    {"saved_double",
     [] {
       Tensor y = ember::ones({2}, ember::kFloat64).requires_grad_().sigmoid();
       y.zero_();
       return backward(y.sum()), "";
     }},
    {"saved_scalar",
     [] {
       Tensor y = leaf(ember::Shape()).tanh();
       y.add_(1);
       return backward(y), "";
     }},
    {"saved_bfloat16",
     [] {
       Tensor y = ember::ones({2}, ember::kBFloat16).requires_grad_().relu();
       y.add_(1);
       return backward(y.sum()), "";
     }},
    {"saved_plain_operand",
     [] {
       Tensor x = leaf(), w = ember::ones({4}), z = x * w;
       w.add_(1);
       return backward(z.sum()), "";
     }},
    {"saved_leaf_written_through_its_detached_alias",
     [] {
       Tensor x = leaf(), y = x * x;
       x.detach().mul_(2);
       return backward(y.sum()), "";
     }},
    {"saved_index",
     [] {
       Tensor index = ember::tensor<int64_t>({0, 1}), y = index_select(leaf(), 0, index);
       index.add_(1);
       return backward(y.sum()), "";
     }},
    {"saved_operand_overwritten",
     [] {
       Tensor y = leaf() * 1, z = y * y;
       y.copy_(ember::zeros({4}));
       return backward(z.sum()), "";
     }},
    {"saved_operand_filled",
     [] {
       Tensor y = leaf() * 1, z = y.log();
       y.uniform_();
       return backward(z.sum()), "";
     }},
    {"written_where_it_is_not_read",
     [] {
       Tensor x = leaf(), y = x * 3;
       y.add_(1);
       backward(y.sum());
       return values(x.grad());
     }},

    {"freed_on_the_path",
     [] {
       SquareAndOther own;
       return values(gradOf(own.y, own.x));
     }},
    {"freed_off_the_path",
     [] {
       SquareAndOther own;
       return values(gradOf(own.y, own.z));
     }},
    {"freed_below_the_input",
     [] {
       SquareAndOther own;
       return list({values(gradOf(own.y, own.a, true)), values(gradOf(own.y, own.y))});
     }},
    {"freed_and_again",
     [] {
       SquareAndOther own;
       return backward(own.y), "";
     }},
    {"freed_and_nothing_to_do_with_it",
     [] {
       SquareAndOther own;
       return values(gradOf(own.y, leaf(), false, true));
     }},
    {"freed_and_unused",
     [] {
       SquareAndOther own;
       return values(gradOf(own.y, leaf()));
     }},
    {"freed_above_what_saves_nothing",
     [] {
       Tensor x = leaf(), h = x + 1;
       backward((h * h).sum());
       return values(gradOf(h.sum(), x));
     }},
    {"grad_frees_its_path_alone",
     [] {
       Tensor x = leaf(), a = x * x, y = (a * a).sum();
       std::string fact = values(gradOf(y, a));
       return list({fact, values(gradOf(a.sum(), x))});
     }},
    {"grad_of_one_branch_then_the_other",
     [] {
       Tensor x = leaf(), z = leaf(), y = (x * x).sum() + (z * z).sum();
       std::string fact = values(gradOf(y, x));
       return list({fact, values(gradOf(y, z))});
     }},
    {"grad_of_one_branch_then_backward",
     [] {
       Tensor x = leaf(), z = leaf(), y = (x * x).sum() + (z * z).sum();
       gradOf(y, x);
       return backward(y), "";
     }},
    {"grad_of_one_factor_then_the_other",
     [] {
       Tensor x = leaf(), z = leaf(), y = (x * z).sum();
       gradOf(y, x);
       return values(gradOf(y, z));
     }},
    {"freed_operand_used_again",
     [] {
       Tensor x = leaf(), z = leaf(), y = (x * x).sum(), w = y * z.sum();
       backward(y);
       return values(gradOf(w, z));
     }},
    {"freed_input_used_again",
     [] {
       Tensor y = leaf() * 1, z = y * y;
       backward(z.sum());
       return values(gradOf((z * z).sum(), z));
     }},
    {"freed_input_used_again_and_beyond",
     [] {
       Tensor x = leaf(), z = x * x;
       backward(z.sum());
       return values(gradOf((z * z).sum(), x));
     }},
};

std::string outcomeOf(const Case &own) {
  try {
    return own();
  } catch (const ember::Error &error) {
    return error.message();
  }
}

TEST(AutogradCases, AreAsPyTorchs) {
  std::map<std::string, Case> cases(kCases.begin(), kCases.end());
  std::ifstream file(EMBER_TESTS_DIR "/golden/autograd_cases.txt");
  size_t checked = 0;
  for (std::string line; std::getline(file, line); ++checked) {
    std::string name = line.substr(0, line.find('|')), expected = line.substr(name.size() + 1);
    ASSERT_EQ(cases.count(name), 1u) << name;
    for (bool own : {false, true}) {
      cuts = own;
      EXPECT_EQ(outcomeOf(cases[name]), expected) << name << (own ? ", cut" : "");
    }
  }
  EXPECT_EQ(checked, kCases.size());
}

} // namespace
