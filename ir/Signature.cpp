#include "ir/Signature.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ember::ir {

static constexpr llvm::StringLiteral kRoles[] = {"input", "parameter", "buffer", "constant", "generator", "hyper", "optimizer"};

StringRef roleName(Role role) { return kRoles[static_cast<int>(role)]; }

std::optional<Role> roleOf(StringRef name) {
  for (auto [number, own] : llvm::enumerate(kRoles))
    if (name == own)
      return static_cast<Role>(number);
  return std::nullopt;
}

ArgumentInfo argumentInfo(func::FuncOp function, unsigned number) {
  ArgumentInfo info{"input" + std::to_string(number)};
  if (auto name = function.getArgAttrOfType<StringAttr>(number, "ember.name"))
    info.name = name.str();
  if (auto role = function.getArgAttrOfType<StringAttr>(number, "ember.role"))
    info.role = roleOf(role).value_or(Role::Input);
  info.trainable = function.getArgAttr(number, "ember.trainable") != nullptr;
  if (auto formula = function.getArgAttrOfType<StringAttr>(number, "ember.formula"))
    info.formula = formula.str();
  return info;
}

void setArgumentInfo(func::FuncOp function, unsigned number, const ArgumentInfo &info) {
  Builder builder(function.getContext());
  function.setArgAttr(number, "ember.name", builder.getStringAttr(info.name));
  function.setArgAttr(number, "ember.role", builder.getStringAttr(roleName(info.role)));
  if (info.trainable)
    function.setArgAttr(number, "ember.trainable", builder.getUnitAttr());
  else
    function.removeArgAttr(number, "ember.trainable");
  if (!info.formula.empty())
    function.setArgAttr(number, "ember.formula", builder.getStringAttr(info.formula));
  else
    function.removeArgAttr(number, "ember.formula");
}

ResultInfo resultInfo(func::FuncOp function, unsigned number) {
  ResultInfo info{"output" + std::to_string(number)};
  if (auto name = function.getResultAttrOfType<StringAttr>(number, "ember.name"))
    info.name = name.str();
  if (auto updates = function.getResultAttrOfType<IntegerAttr>(number, "ember.updates"))
    info.updates = updates.getInt();
  return info;
}

void setResultInfo(func::FuncOp function, unsigned number, const ResultInfo &info) {
  Builder builder(function.getContext());
  function.setResultAttr(number, "ember.name", builder.getStringAttr(info.name));
  if (info.updates >= 0)
    function.setResultAttr(number, "ember.updates", builder.getI64IntegerAttr(info.updates));
  else
    function.removeResultAttr(number, builder.getStringAttr("ember.updates"));
}

bool isPrintableName(StringRef text) {
  auto printable = [](char c) { return c > ' ' && c < 127 && c != '\'' && c != '"' && c != '\\'; };
  return !text.empty() && text.size() <= 1024 && llvm::all_of(text, printable);
}

namespace {

std::string nameFault(Attribute name) {
  auto text = dyn_cast_or_null<StringAttr>(name);
  if (!name || (text && isPrintableName(text)))
    return "";
  return "ember.name: expected a text of 1 to 1024 printable bytes without spaces, quotes and backslashes";
}

std::string argumentFault(func::FuncOp function, unsigned number) {
  if (std::string fault = nameFault(function.getArgAttr(number, "ember.name")); !fault.empty())
    return fault;
  Attribute role = function.getArgAttr(number, "ember.role");
  if (auto text = dyn_cast_or_null<StringAttr>(role); role && (!text || !roleOf(text)))
    return "ember.role: expected one of " + llvm::join(llvm::ArrayRef(kRoles), ", ");
  Builder builder(function.getContext());
  Type state = RankedTensorType::get({5056}, builder.getIntegerType(8, /*isSigned=*/false)),
       own = function.getArgumentTypes()[number];
  if (argumentInfo(function, number).role == Role::Generator && own != state)
    return "expected the type tensor<5056xui8> of a generator";
  return "";
}

std::string resultFault(func::FuncOp function, unsigned number) {
  if (std::string fault = nameFault(function.getResultAttr(number, "ember.name")); !fault.empty())
    return fault;
  Attribute updates = function.getResultAttr(number, "ember.updates");
  auto argument = dyn_cast_or_null<IntegerAttr>(updates);
  ArrayRef<Type> types = function.getArgumentTypes();
  bool isArgument = argument && argument.getValue().isSignedIntN(32) && argument.getInt() >= 0 &&
                    argument.getInt() < static_cast<int64_t>(types.size());
  if (updates && (!isArgument || types[argument.getInt()] != function.getResultTypes()[number]))
    return "ember.updates: expected the number of an argument of its type";
  return "";
}

} // namespace

std::string signatureFault(func::FuncOp function) {
  llvm::StringSet<> names;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    if (std::string fault = argumentFault(function, i); !fault.empty())
      return "argument " + std::to_string(i) + ": " + fault;
    if (std::string name = argumentInfo(function, i).name; !names.insert(name).second)
      return "two arguments are named '" + name + "'";
  }
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (std::string fault = resultFault(function, i); !fault.empty())
      return "result " + std::to_string(i) + ": " + fault;
  return "";
}

static constexpr llvm::StringLiteral kStateNames = "ember.state_names", kStateArguments = "ember.state_arguments";

void setStateNames(func::FuncOp function, ArrayRef<StateName> names) {
  Builder builder(function.getContext());
  SmallVector<StringRef> texts;
  SmallVector<int64_t> arguments;
  for (const StateName &own : names) {
    texts.push_back(own.name);
    arguments.push_back(own.argument);
  }
  function->setAttr(kStateNames, builder.getStringAttr(llvm::join(texts, "\n")));
  function->setAttr(kStateArguments, builder.getDenseI64ArrayAttr(arguments));
}

std::optional<std::vector<StateName>> stateNames(func::FuncOp function) {
  if (!function->hasAttr(kStateNames) && !function->hasAttr(kStateArguments))
    return std::vector<StateName>();
  auto names = function->getAttrOfType<StringAttr>(kStateNames);
  auto arguments = function->getAttrOfType<DenseI64ArrayAttr>(kStateArguments);
  SmallVector<StringRef> texts;
  if (names)
    names.getValue().split(texts, '\n');
  if (!arguments || arguments.size() != static_cast<int64_t>(texts.size()))
    return std::nullopt;
  std::vector<StateName> state;
  for (auto [text, argument] : llvm::zip_equal(texts, arguments.asArrayRef())) {
    if (argument < 0 || argument >= function.getNumArguments())
      return std::nullopt;
    Role role = argumentInfo(function, argument).role;
    if (role != Role::Parameter && role != Role::Buffer)
      return std::nullopt;
    state.push_back({text.str(), static_cast<unsigned>(argument)});
  }
  return state;
}

} // namespace ember::ir
