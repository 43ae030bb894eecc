// Random programs as text: elementwise ops, views, reductions and products on a few shapes, many with neutral constants.
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

namespace ember::tests {

/// A function `main` of about `count` ops. Equal seeds give equal programs.
class RandomGraph {
public:
  RandomGraph(unsigned seed, unsigned count) : random(seed) {
    for (const char *type : {"4x6xf32", "4x6xf32", "6x4xf32", "6xf32", "f32", "4x6xi32"})
      argument(type);
    constants();
    for (unsigned i = 0; i < count; ++i)
      step();
    finish();
  }
  std::string text;

private:
  std::string argument(const std::string &type) {
    std::string name = "%a" + std::to_string(arguments.size());
    arguments.push_back(name + ": tensor<" + type + ">");
    pool[type].push_back(name);
    return name;
  }

  void constants() {
    for (const char *value : {"0.0", "-0.0", "1.0", "2.0"}) {
      std::string scalar = op("f32", std::string("ember.constant dense<") + value + "> : tensor<f32>");
      op("4x6xf32", "ember.broadcast " + scalar + " : tensor<f32> -> tensor<4x6xf32>");
    }
    for (const char *value : {"0", "1", "-3"})
      op("4x6xi32", std::string("ember.constant dense<") + value + "> : tensor<4x6xi32>");
    zero = define("ember.constant dense<0> : tensor<i64>");
    one = define("ember.constant dense<1> : tensor<i64>");
  }

  unsigned pick(unsigned count) { return random() % count; }
  std::string any(const std::string &type) {
    const std::vector<std::string> &known = pool[type];
    return known[pick(3) ? known.size() - 1 - pick(std::min<size_t>(known.size(), 4)) : pick(known.size())];
  }
  std::string define(const std::string &body) {
    std::string name = "%v" + std::to_string(next++);
    lines += "  " + name + " = " + body + "\n";
    return name;
  }
  std::string op(const std::string &type, const std::string &body) {
    std::string name = define(body);
    pool[type].push_back(name);
    return name;
  }

  void unary(const std::string &type) {
    constexpr const char *names[] = {"neg", "abs", "relu", "copy", "detach", "sign", "neg", "sqrt"};
    bool isFloat = type.back() == '2' && type.find("f32") != std::string::npos;
    std::string name = names[pick(8)];
    if (!isFloat && (name == "relu" || name == "sqrt"))
      name = "neg";
    op(type, "ember." + name + " " + any(type) + " : tensor<" + type + ">");
  }
  void binary(const std::string &type) {
    constexpr const char *names[] = {"add", "sub", "mul", "div", "maximum", "minimum"};
    std::string name = names[pick(6)];
    if (name == "div" && type == "4x6xi32")
      name = "add";
    op(type, "ember." + name + " " + any(type) + ", " + any(type) + " : tensor<" + type + ">");
  }
  void move(const std::string &from, const std::string &to, const std::string &body) {
    std::string operand = any(from);
    op(to, "ember." + body.substr(0, body.find('$')) + operand + body.substr(body.find('$') + 1) + " : tensor<" + from +
               "> -> tensor<" + to + ">");
  }

  void step() {
    constexpr const char *types[] = {"4x6xf32", "4x6xf32", "6x4xf32", "6xf32", "4x6xi32"};
    std::string type = types[pick(5)];
    switch (pick(18)) {
    case 0:
    case 1:
    case 2:
      return unary(type);
    case 3:
    case 4:
    case 5:
    case 6:
      return binary(type);
    case 7:
      return move("4x6xf32", "6x4xf32", "transpose $ [1, 0]");
    case 8:
      return move("6x4xf32", "4x6xf32", "transpose $ [1, 0]");
    case 9:
      return move("6x4xf32", "4x6xf32", "reshape $");
    case 10:
      return move("4x6xf32", "6x4xf32", "reshape $");
    case 11:
      return move("6xf32", "4x6xf32", "broadcast $");
    case 12:
      return move("4x6xf32", "6xf32", pick(2) ? "sum $ [0]" : "max $ [0]");
    case 13:
      return move("6x4xf32", "6xf32", pick(2) ? "sum $ [1]" : "max $ [1]");
    case 14: {
      std::string wide = define("ember.pad " + any("4x6xf32") +
                                " low [1, 0] high [0, 1] {value = 1.0 : f64} : tensor<4x6xf32> -> tensor<5x7xf32>");
      op("4x6xf32", "ember.slice " + wide + " [" + (pick(2) ? one : zero) + ", " + zero +
                        "] strides [1, 1] : tensor<5x7xf32> -> tensor<4x6xf32>");
      return;
    }
    case 15: {
      std::string condition = define("ember.compare \"lt\" " + any("4x6xf32") + ", " + any("4x6xf32") + " : tensor<4x6xf32>");
      op("4x6xf32",
         "ember.select " + condition + ", " + any("4x6xf32") + ", " + any("4x6xf32") + " : tensor<4x6xi1>, tensor<4x6xf32>");
      return;
    }
    case 16: {
      std::string narrow = pick(2) ? "f64" : "bf16";
      std::string cast = define("ember.cast " + any("4x6xf32") + " : tensor<4x6xf32> -> tensor<4x6x" + narrow + ">");
      op("4x6xf32", "ember.cast " + cast + " : tensor<4x6x" + narrow + "> -> tensor<4x6xf32>");
      return;
    }
    case 17: {
      std::string square = define("ember.matmul " + any("4x6xf32") + ", " + any("6x4xf32") +
                                  " : tensor<4x6xf32>, tensor<6x4xf32> -> tensor<4x4xf32>");
      op("6x4xf32", "ember.matmul " + any("6x4xf32") + ", " + square + " : tensor<6x4xf32>, tensor<4x4xf32> -> tensor<6x4xf32>");
      return;
    }
    }
  }

  void finish() {
    std::string values, types, parameters;
    for (const char *type : {"4x6xf32", "6x4xf32", "6xf32", "4x6xi32", "4x6xf32"}) {
      values += (values.empty() ? "" : ", ") + any(type);
      types += (types.empty() ? "tensor<" : ", tensor<") + std::string(type) + ">";
    }
    for (const std::string &own : arguments)
      parameters += (parameters.empty() ? "" : ", ") + own;
    text = "func.func @main(" + parameters + ") -> (" + types + ") {\n" + lines + "  return " + values + " : " + types + "\n}\n";
  }

  std::mt19937 random;
  unsigned next = 0;
  std::string lines, zero, one;
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>> pool;
};

} // namespace ember::tests
