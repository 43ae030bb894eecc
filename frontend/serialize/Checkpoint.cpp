#include "ember/serialize.h"

#include "record/Storage.h"
#include "serialize/SafeTensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using nlohmann::json;

namespace ember {

// Beside the groups, where a scheduler has been: the form of these is what training libraries read too.
static json initialRates(const optim::OptimizerState &state) {
  json rates = json::array();
  for (const auto &group : state.groups)
    rates.push_back(group.initial_lr ? json(*group.initial_lr) : json());
  return rates;
}

static json groupsText(const optim::OptimizerState &state) {
  json groups = json::array();
  for (const auto &group : state.groups)
    groups.push_back({{"options", group.options}, {"parameters", group.parameters}});
  return groups;
}

// The name under which a checkpoint has each entry of a module's state: the first, where a tensor has several.
static std::map<std::string, std::string> storedNames(const nn::Module &module) {
  std::map<std::string, std::string> names;
  std::map<const record::TensorImpl *, std::string> firsts;
  for (const auto &[name, tensor] : module.state_dict()) // detached from what the module has
    names[name] = firsts.try_emplace(tensor.impl->parent.get(), name).first->second;
  return names;
}

void save(const Checkpoint &checkpoint, const std::string &path, Here where) {
  CallSite site(where);
  serialize::TensorFile content;
  content.metadata["format"] = "ember checkpoint 1";
  if (checkpoint.model) {
    std::map<std::string, std::string> stored = storedNames(*checkpoint.model);
    for (const auto &[name, tensor] : checkpoint.model->state_dict())
      if (stored[name] == name)
        content.tensors.emplace_back("model." + name, tensor);
  }
  if (checkpoint.optimizer) {
    optim::OptimizerState state = checkpoint.optimizer->state_dict();
    content.metadata["optimizer"] = groupsText(state).dump();
    if (std::any_of(state.groups.begin(), state.groups.end(), [](const auto &group) { return group.initial_lr.has_value(); }))
      content.metadata["initial_lr"] = initialRates(state).dump();
    for (const auto &[index, tensors] : state.state)
      for (const auto &[name, tensor] : tensors)
        content.tensors.emplace_back("optimizer." + std::to_string(index) + "." + name, tensor);
  }
  if (checkpoint.generator)
    content.tensors.emplace_back("generator", from_vector(checkpoint.generator->get_state(), {5056}));
  if (checkpoint.scheduler)
    content.metadata["scheduler"] = json(checkpoint.scheduler->state_dict()).dump();
  serialize::writeTensorFile(path, content);
}

// "optimizer.12.exp_avg": 12 and exp_avg.
static std::pair<int64_t, std::string> splitSlot(const std::string &path, const std::string &name) {
  size_t dot = name.find('.');
  char *end = nullptr;
  long long index = std::strtoll(name.c_str(), &end, 10);
  if (dot == std::string::npos || end != name.c_str() + dot || index < 0)
    throw Error(path + ": 'optimizer." + name + "' names no optimizer state");
  return {index, name.substr(dot + 1)};
}

// Of a text in the metadata; discarded where it is no JSON, null where it is not there.
static json metadataOf(const serialize::TensorFile &content, const char *key) {
  auto text = content.metadata.find(key);
  return text == content.metadata.end() ? json() : json::parse(text->second, nullptr, false);
}

static void readInitialRates(const serialize::TensorFile &content, optim::OptimizerState &state, const std::string &path) {
  json rates = metadataOf(content, "initial_lr");
  if (rates.is_null())
    return;
  bool fits = rates.is_array() && rates.size() == state.groups.size();
  for (size_t i = 0; fits && i < rates.size(); ++i) {
    fits = rates[i].is_null() || rates[i].is_number();
    if (rates[i].is_number())
      state.groups[i].initial_lr = rates[i].get<double>();
  }
  if (!fits)
    throw Error(path + ": the initial rates of its optimizer groups are damaged");
}

static std::map<std::string, double> schedulerStateOf(const std::string &path, const serialize::TensorFile &content) {
  json state = metadataOf(content, "scheduler");
  if (state.is_null())
    throw Error(path + ": it holds no scheduler");
  try {
    return state.get<std::map<std::string, double>>();
  } catch (const json::exception &) {
    throw Error(path + ": its scheduler is damaged");
  }
}

static optim::OptimizerState optimizerStateOf(const std::string &path, const serialize::TensorFile &content) {
  optim::OptimizerState state;
  json groups = metadataOf(content, "optimizer");
  if (!groups.is_array())
    throw Error(path + ": it holds no optimizer");
  try {
    for (const json &group : groups)
      state.groups.push_back(
          {group.at("options").get<std::map<std::string, double>>(), group.at("parameters").get<std::vector<int64_t>>()});
  } catch (const json::exception &) {
    throw Error(path + ": its optimizer groups are damaged");
  }
  readInitialRates(content, state, path);
  for (const auto &[name, tensor] : content.tensors)
    if (name.rfind("optimizer.", 0) == 0) {
      auto [index, slot] = splitSlot(path, name.substr(10));
      state.state[index][slot] = tensor;
    }
  return state;
}

// What a file has under one name is there under the others too.
static void addSharedNames(const nn::Module &module, nn::NamedTensors &state) {
  std::map<std::string, Tensor> given(state.begin(), state.end());
  for (const auto &[name, stored] : storedNames(module))
    if (name != stored && !given.count(name) && given.count(stored))
      state.emplace_back(name, given[stored]);
}

// What a part says against the file's content, in one line that names the file.
template <typename Check> static void withPath(const std::string &path, Check check) {
  try {
    check();
  } catch (const Error &error) {
    std::string text = error.message();
    text.erase(std::remove(text.begin(), text.end(), '\t'), text.end());
    std::replace(text.begin(), text.end(), '\n', ' ');
    throw Error(path + ": " + text);
  }
}

void load(const Checkpoint &checkpoint, const std::string &path, Here where) {
  CallSite site(where);
  serialize::TensorFile content = serialize::readTensorFile(path);
  synchronize(); // what fails of the work so far fails here, before anything changes
  nn::NamedTensors model;
  std::vector<uint8_t> generator;
  for (const auto &[name, tensor] : content.tensors) {
    if (name.rfind("model.", 0) == 0)
      model.emplace_back(name.substr(6), tensor);
    else if (name == "generator")
      generator = tensor.to_vector<uint8_t>();
  }
  // Everything is checked against the parts before the first of them changes.
  optim::OptimizerState optimizer;
  if (checkpoint.optimizer) {
    optimizer = optimizerStateOf(path, content);
    withPath(path, [&] { checkpoint.optimizer->check_state_dict(optimizer); });
  }
  std::map<std::string, double> scheduler;
  if (checkpoint.scheduler) {
    scheduler = schedulerStateOf(path, content);
    withPath(path, [&] { checkpoint.scheduler->check_state_dict(scheduler); });
  }
  if (checkpoint.generator)
    withPath(path, [&] { Generator().set_state(generator); });
  if (checkpoint.model) {
    addSharedNames(*checkpoint.model, model);
    withPath(path, [&] { checkpoint.model->load_state_dict(model); });
  }
  if (checkpoint.optimizer)
    checkpoint.optimizer->load_state_dict(optimizer);
  if (checkpoint.generator)
    checkpoint.generator->set_state(generator);
  if (checkpoint.scheduler)
    checkpoint.scheduler->load_state_dict(scheduler);
}

} // namespace ember
