// What a bad package says: the file, the place in it, what was expected and what was found. Each row changes one thing of a good
// package whose checksums are right again.
#include "Packages.h"
#include "ir/package/Container.h"
#include "program.pb.h"

#include <functional>
#include <google/protobuf/text_format.h>
#include <zlib.h>

using namespace ember::ir;
namespace wire = ember::wire;

namespace {

using Records = std::vector<wire::Record>;
using Change = std::function<void(Records &)>;

wire::Record recordOf(const std::string &text) {
  wire::Record record;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &record)) << text;
  return record;
}

// Fields of a text are set, repeated ones appended.
Change set(size_t at, std::string text) {
  return [=](Records &records) { records.at(at).MergeFrom(recordOf(text)); };
}
Change put(size_t at, std::string text) {
  return [=](Records &records) { records.at(at) = recordOf(text); };
}
Change insert(size_t at, std::vector<std::string> texts) {
  return [=](Records &records) {
    for (size_t i = 0; i < texts.size(); ++i)
      records.insert(records.begin() + static_cast<long>(at + i), recordOf(texts[i]));
  };
}
Change repeat(size_t at, size_t times, std::string text) {
  return [=](Records &records) { records.insert(records.begin() + static_cast<long>(at), times, recordOf(text)); };
}
Change keep(size_t count) {
  return [=](Records &records) { records.resize(count); };
}

// The records of kProgram.
enum : size_t { kHeader, kMain, kTypeX, kX, kTypeW, kW, kTypeN, kN, kTypeY, kY, kNext, kConstant, kAdd, kMatmul, kReturn, kEnd };

const std::string kBlock = "block { arguments: 2 }";

std::string type(const std::string &fields) { return "type { element: F32 " + fields + " }"; }
Change functionAttribute(const std::string &value) {
  return set(kMain, "function { attributes { name: 'ember.a' " + value + " } }");
}
Change constantAttribute(const std::string &value) {
  return set(kConstant, "op { attributes { name: 'ember.a' " + value + " } }");
}
std::string many(size_t count, const std::string &text) {
  std::string all;
  for (size_t i = 0; i < count; ++i)
    all += text;
  return all;
}
// `a + b + ...`, each name its own, in canonical order.
std::string sumOf(size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i)
    all += (i ? " + " : "") + std::string(1, static_cast<char>('z' - i));
  return all;
}

// Kernels within kernels: the ops and blocks down to the innermost. The argument of the block at depth d is value 5 + d.
std::vector<std::string> nested(size_t depth) {
  std::vector<std::string> texts;
  for (size_t d = 0; d < depth; ++d) {
    std::string operand = std::to_string(d == 0 ? 2 : 5 + d);
    texts.push_back("op { name: 'ember.kernel' operands: " + operand +
                    " results: 2 attributes { name: 'label' text: 'k' } regions: 1 }");
    texts.push_back(kBlock);
  }
  return texts;
}
const std::string kKernel = nested(1)[0];

struct Row {
  Change change;
  std::string said;
};

const Row kNames[] = {
    {put(kMain, "function { }"), "record 1: a function's name is '' of 0 bytes, expected a text of 1 to 1024 printable bytes "
                                 "without spaces, quotes and backslashes"},
    {set(kMain, "function { name: '" + std::string(1025, 'a') + "' }"),
     "record 1: a function's name is '" + std::string(64, 'a') +
         "' of 1025 bytes, expected a text of 1 to 1024 printable bytes without spaces, quotes and backslashes"},
    {set(kMain, "function { name: 'a b' }"), "record 1: a function's name is 'a b' of 3 bytes, expected a text of 1 to 1024 "
                                             "printable bytes without spaces, quotes and backslashes"},
    {set(kX, "argument { name: 'x\\n' }"), "function 'main', argument 0: the name is 'x ' of 2 bytes, expected a text of 1 to "
                                           "1024 printable bytes without spaces, quotes and backslashes"},
    {set(kY, "result { name: '\\377' }"), "function 'main', result 0: the name is ' ' of 1 bytes, expected a text of 1 to 1024 "
                                          "printable bytes without spaces, quotes and backslashes"},
    {set(kAdd, "op { name: '\\\\' }"), "record 12: an op's name is '\\' of 1 bytes, expected a text of 1 to 1024 printable bytes "
                                       "without spaces, quotes and backslashes"},
    {set(kAdd, "op { location { file: '\\'' } }"), "op 1 ('ember.add'): a location's file is ''' of 1 bytes, expected a text of "
                                                   "1 to 1024 printable bytes without spaces, quotes and backslashes"},
    {set(kMain, "function { attributes { } }"), "function 'main': an attribute's name is '' of 0 bytes, expected a text of 1 to "
                                                "1024 printable bytes without spaces, quotes and backslashes"},
};

const Row kTypes[] = {
    {set(kTypeN, "type { element: 99 }"), "type 2: unknown element type 99, expected 1 to 13"},
    {put(kTypeN, "type { sizes: 3 }"), "type 2: unknown element type 0, expected 1 to 13"},
    {repeat(kMain, 65537, type("sizes: 1")), "type 65536: expected at most 65536 types, found more"},
    {put(kTypeN, type(many(17, "sizes: 1 "))), "type 2: rank 17, expected at most 16"},
    {put(kTypeN, type("sizes: -2")), "type 2: a size is -2, expected 0 to 17179869184, or -1 for a dynamic size"},
    {put(kTypeN, type("sizes: 17179869185")),
     "type 2: a size is 17179869185, expected 0 to 17179869184, or -1 for a dynamic size"},
    {put(kTypeN, type("sizes: 0 sizes: 17179869184 sizes: 1025")),
     "type 2: expected at most 17592186044416 elements, found more"},
    {put(kTypeN, type("sizes: 17179869184 sizes: 17179869184")), "type 2: expected at most 17592186044416 elements, found more"},
    {put(kTypeN, type("sizes: 17179869184 sizes: -1 names: '1025*S'")),
     "type 2: expected at most 17592186044416 elements, found more"},
    {set(kTypeX, "type { names: 'C' }"), "type 0: the number of names of sizes is 2, expected 1"},
    {put(kTypeX, type("sizes: -1 names: '" + std::string(1025, 'a') + "'")),
     "type 0: the name of a size has 1025 bytes, expected at most 1024"},
    {put(kTypeX, type("sizes: -1 names: '1 + B'")), "type 0: a dynamic size is '1 + B', expected 'B + 1'"},
    {put(kTypeX, type("sizes: -1 names: '7'")), "type 0: a dynamic size is '7', expected a polynomial of names"},
    {put(kTypeX, type("sizes: -1 names: 'a\\nb'")), "type 0: a dynamic size is 'a b', expected a polynomial of names"},
    {put(kTypeX, type("sizes: -1 names: '" + sumOf(17) + "'")),
     "type 0: the size '" + sumOf(17) + "' has 17 terms, expected at most 16"},
    {put(kTypeX, type("sizes: -1 names: '268435457*B'")),
     "type 0: the size '268435457*B' has the coefficient 268435457, expected at most 268435456 either way"},
    {set(kX, "argument { type: 9 }"), "function 'main', argument 0: names type 9, expected one below 1"},
};

const Row kAttributes[] = {
    {constantAttribute("dense { type: 0 }"), "op 0 ('ember.constant'): a constant has type 0 of dynamic sizes, expected none"},
    {[](Records &records) {
       insert(kConstant, {type("sizes: 0")})(records);
       set(kConstant + 1, "op { attributes { name: 'ember.a' dense { type: 4 splat: true } } }")(records);
     },
     "op 0 ('ember.constant'): one element stands for all of a constant of 0, expected at least 1"},
    {constantAttribute("dense { type: 2 elements: '1234' }"),
     "op 0 ('ember.constant'): a constant of 3 elements has 4 bytes, expected 24"},
    {[](Records &records) {
       insert(kConstant, {"type { element: BOOL sizes: 2 }"})(records);
       set(kConstant + 1, "op { attributes { name: 'ember.a' dense { type: 4 elements: '\\001\\377' } } }")(records);
     },
     "op 0 ('ember.constant'): a bool is 255, expected 0 or 1"},
    {functionAttribute("integer { value: 128 width: 8 }"),
     "function 'main': attribute 'ember.a' is 128 of 8 bits, expected an integer that fits 1, 8, 16, 32 or 64 bits"},
    {functionAttribute("integer { value: 1 width: 7 }"),
     "function 'main': attribute 'ember.a' is 1 of 7 bits, expected an integer that fits 1, 8, 16, 32 or 64 bits"},
    {functionAttribute("real { bits: 4294967296 width: 32 }"),
     "function 'main': attribute 'ember.a' is 0x100000000 of 32 bits, expected a float of 32 or 64 bits"},
    {functionAttribute("integers { values: 2147483648 width: 32 }"),
     "function 'main': attribute 'ember.a' is a list of 32 bits, expected integers that fit 32 or 64 bits"},
    {functionAttribute(""), "function 'main': attribute 'ember.a' has no value, expected one"},
    {set(kMain, "function { attributes { name: 'colour' unit { } } }"),
     "function 'main': unknown attribute 'colour', expected a name that begins with 'ember.'"},
    {set(kConstant, "op { attributes { name: 'colour' unit { } } }"),
     "op 0 ('ember.constant'): unknown attribute 'colour', expected 'value', or a name that begins with 'ember.'"},
    {set(kMain, "function { attributes { name: 'ember.a' unit { } } attributes { name: 'ember.a' unit { } } }"),
     "function 'main': attribute 'ember.a' stands twice, expected once"},
    {constantAttribute("integer { value: 268435456 width: 64 }"),
     "op 0 ('ember.constant'): attribute 'ember.a' holds 268435456, expected less than 268435456 either way"},
    {constantAttribute("integers { values: 1 values: -268435456 width: 64 }"),
     "op 0 ('ember.constant'): attribute 'ember.a' holds -268435456, expected less than 268435456 either way"},
};

const Row kSignatures[] = {
    {insert(kMain, {"header { format: 1 }"}), "record 1: a second header, expected one"},
    {set(kHeader, "header { format: 2 }"), "header: format 2, expected 1"},
    {set(kHeader, "header { producer: '" + std::string(1025, 'a') + "' }"),
     "header: the producer has 1025 bytes, expected at most 1024"},
    {set(kHeader, "header { producer: 'a\\nb' }"), "header: the producer is 'a b', expected printable text"},
    {insert(kConstant, {"function { name: 'f' }"}),
     "record 11: a function within function 'main', expected that one's end first"},
    {[](Records &records) {
       for (int i = 0; i < 1024; ++i)
         insert(records.size(),
                {"function { name: 'f" + std::to_string(i) + "' }", "op { name: 'func.return' }", "end { }"})(records);
     },
     "record 3085: expected at most 1024 functions, found more"},
    {insert(kEnd + 1, {"function { name: 'main' }"}), "function 'main': a second function of this name, expected one"},
    {insert(kY + 1, {"argument { name: 'z' }"}),
     "record 10: an argument stands apart, expected it after its function or another argument"},
    {insert(kReturn, {"argument { name: 'z' }"}),
     "record 14: an argument stands apart, expected it after its function or another argument"},
    {set(kX, "argument { role: 7 }"), "function 'main', argument 0: unknown role 7, expected 0 to 6"},
    {set(kX, "argument { offset: 64 bytes: 8 }"),
     "function 'main', argument 0: an input has 8 bytes of data at 64, expected none"},
    {set(kN, "argument { role: GENERATOR }"), "function 'main': argument 2: expected the type tensor<5056xui8> of a generator"},
    {set(kW, "argument { bytes: 31 }"), "function 'main', argument 1: '0.weight' has 31 bytes of data, expected 32"},
    {set(kX, "argument { role: CONSTANT }"),
     "function 'main', argument 0: 'x' has 0 bytes of data, expected none of a dynamic size"},
    {set(kN, "argument { name: '0.weight' }"), "function 'main', argument 2: '0.weight' has type tensor<3xi64> at byte 64, "
                                               "expected type tensor<4x2xf32> at byte 0 as another "
                                               "argument of this name"},
    {set(kN, "argument { offset: 128 }"),
     "function 'main', argument 2: 'n': bytes [128, + 24) of the data section, expected them at 64 of 128"},
    {set(kN, "argument { name: 'x' }"), "function 'main': two arguments are named 'x'"},
    {insert(kReturn, {"result { name: 'z' }"}), "record 14: a result stands apart, expected it after the arguments"},
    {set(kNext, "result { updates: 2 }"),
     "function 'main', result 1: 'next' updates argument 1, expected one below 3 of type tensor<3xi64>"},
    {set(kNext, "result { updates: 4 }"),
     "function 'main', result 1: 'next' updates argument 3, expected one below 3 of type tensor<3xi64>"},
};

const Row kOps[] = {
    {repeat(kConstant, 262145, R"(op { name: "ember.add" operands: 2 operands: 2 results: 2 })"),
     "record 262155: expected at most 262144 ops, found more"},
    {set(kAdd, "op { name: 'ember.plus' }"),
     "op 1 ('ember.plus'): unknown op, expected one of the ember dialect or 'func.return'"},
    {insert(kEnd, {"op { name: 'ember.add' }"}),
     "op 4 ('ember.add'): it stands after 'func.return', expected the end of the block"},
    {put(kAdd, R"(op { name: "ember.add" operands: 2 operands: 4 results: 2 })"),
     "op 1 ('ember.add'): operand names value 4, expected one of [0, 4)"},
    {set(kAdd, "op { results: 1 }"), "op 1 ('ember.add'): requires one result"},
    {put(kAdd, R"(op { name: "ember.leaf" results: 2 })"), "op 1 ('ember.leaf'): an op with effects has no place in a package"},
    {set(kAdd, "op { regions: 1 }"), "op 1 ('ember.add'): the number of regions is 1, expected at most 0"},
    {put(kReturn, "end { }"), "function 'main': it ends in 'ember.matmul', expected 'func.return'"},
    {insert(kEnd + 1, {"function { name: 'f' }", "end { }"}), "function 'f': it ends in no op, expected 'func.return'"},
};

const Row kRegions[] = {
    {[](Records &records) {
       insert(kReturn, {kKernel})(records);
       set(kReturn, "op { regions: 2 }")(records);
     },
     "op 3 ('ember.kernel'): the number of regions is 2, expected at most 1"},
    {insert(kReturn, {kKernel}), "op 4 ('func.return'): it stands outside of a block, expected the block of op 3 first"},
    {insert(kReturn, {kBlock}), "record 14: a block stands apart, expected it after an op that has a region"},
    {insert(kReturn, {kKernel, "end { }"}), "record 15: an end stands apart, expected it after a function's or a block's ops"},
    {insert(kEnd + 1, {"end { }"}), "record 16: an end stands apart, expected it after a function's or a block's ops"},
    {insert(kReturn, {kKernel, kBlock, "end { }"}), "op 3 ('ember.kernel'): its region ends in no op, expected a terminator"},
    {insert(kReturn, {kKernel, kBlock, "op { name: 'ember.abs' operands: 6 results: 2 }", "end { }"}),
     "op 3 ('ember.kernel'): its region ends in 'ember.abs', expected a terminator"},
    {insert(kReturn, {kKernel, kBlock, "op { name: 'ember.yield' operands: 2 }"}),
     "op 4 ('ember.yield'): operand names value 2, expected one of [6, 7)"},
    {insert(kReturn, {kKernel, "block { arguments: 1 }", "op { name: 'ember.yield' operands: 6 }", "end { }"}),
     "op 3 ('ember.kernel'): kernel 'k': the region's arguments must have the operands' types"},
};

const Row kStream[] = {
    {[](Records &records) { records.erase(records.begin()); }, "record 0: it is of kind 3, expected a header (1) first"},
    {insert(kMain, {"op { name: 'ember.add' }"}), "record 1: an op stands outside of a function, expected a function first"},
    {put(kAdd, ""), "record 12: it is empty, expected a record of a kind"},
    {keep(0), "graph: it is empty, expected a header"},
    {keep(kEnd), "graph: it ends within function 'main', expected that one's end"},
    {set(kMain, "function { name: 'f' }"), "graph: it has no function 'main', expected one"},
    {[](Records &records) {
       records[kN].mutable_argument()->set_role(wire::INPUT);
       records[kN].mutable_argument()->clear_offset();
       records[kN].mutable_argument()->clear_bytes();
     },
     "graph: the data section has 128 bytes, expected 64"},
};

class PackageMistakes : public Packages {
protected:
  PackageMistakes() {
    packed();
    Container container = openContainer(path);
    graph = container.graph.str();
    data = container.data.str();
  }

  Records records() const {
    Records all;
    for (llvm::StringRef rest = graph; !rest.empty();) {
      EXPECT_LT(static_cast<uint8_t>(rest.front()), 128) << "kProgram's records are short";
      all.emplace_back().ParseFromArray(rest.data() + 1, rest.front());
      rest = rest.drop_front(1 + static_cast<size_t>(rest.front()));
    }
    return all;
  }
  static std::string serialised(const Records &records) {
    std::string all;
    for (const wire::Record &record : records) {
      for (size_t size = record.ByteSizeLong(); true; size >>= 7) {
        all.push_back(static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0)));
        if (size <= 0x7f)
          break;
      }
      record.AppendToString(&all);
    }
    return all;
  }
  // What a package says that has these records.
  std::string saidOf(llvm::StringRef records) {
    writeContainer(path, records, {{data.data(), data.size()}});
    return errorOf([&] { readPackage(path, context); });
  }
  void check(llvm::ArrayRef<Row> rows) {
    for (const Row &row : rows) {
      Records changed = records();
      row.change(changed);
      EXPECT_EQ(saidOf(serialised(changed)), path + ": " + row.said);
    }
  }

  std::string graph, data;
};

TEST_F(PackageMistakes, UnchangedRecordsAreNone) { EXPECT_EQ(saidOf(serialised(records())), ""); }
TEST_F(PackageMistakes, Names) { check(kNames); }
TEST_F(PackageMistakes, Types) { check(kTypes); }
TEST_F(PackageMistakes, Attributes) { check(kAttributes); }
TEST_F(PackageMistakes, Signatures) { check(kSignatures); }
TEST_F(PackageMistakes, Ops) { check(kOps); }
TEST_F(PackageMistakes, Regions) { check(kRegions); }
TEST_F(PackageMistakes, Stream) { check(kStream); }

TEST_F(PackageMistakes, RegionsNestEightDeep) {
  check({{insert(kReturn, nested(9)), "op 11 ('ember.kernel'): expected regions nested at most 8 deep, found more"}});
  std::vector<std::string> texts = nested(8);
  for (size_t depth = 8; depth > 0; --depth) { // the innermost block's argument, or the kernel within
    texts.push_back("op { name: 'ember.yield' operands: " + std::to_string(depth == 8 ? 13 : 6 + depth) + " }");
    texts.push_back("end { }");
  }
  Records deep = records();
  insert(kReturn, texts)(deep);
  EXPECT_EQ(saidOf(serialised(deep)), "");
}

// Bytes that are no records.
TEST_F(PackageMistakes, Bytes) {
  struct {
    std::string after, said;
  } rows[] = {
      {"\x09", "record 16: it takes 9 bytes, expected at most 262144 and the 0 left"},
      {"\xff\xff\xff\xff", "record 16: it takes 268435455 bytes, expected at most 262144 and the 0 left"},
      {"\x02zz", "record 16: its 2 bytes are none of the known fields, expected a record"},
      {std::string("\x02\x78\x01", 3), "record 16: it has 2 bytes, expected the 0 of the fields that this version knows"},
  };
  for (const auto &row : rows)
    EXPECT_EQ(saidOf(graph + row.after), path + ": " + row.said);
  EXPECT_EQ(errorOf([&] { readGraph(graph, 100, context); }),
            "function 'main', argument 2: 'n' with its padding ends at byte 128 of the data section, expected at most 100");
}

// A header of other numbers, with the checksum of those.
TEST_F(PackageMistakes, Header) {
  std::string whole = contents();
  auto changed = [&](size_t at, uint64_t number, size_t bytes) {
    std::string own = whole;
    std::memcpy(own.data() + at, &number, bytes);
    std::memset(own.data() + 12, 0, 4);
    auto checksum = static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef *>(own.data()), 80));
    std::memcpy(own.data() + 12, &checksum, 4);
    return messageOf(own);
  };
  auto sections = [&](int count, int reserved, int first, int second) {
    return memoryPath + ": header: " + std::to_string(count) + " sections of the kinds " + std::to_string(first) + " and " +
           std::to_string(second) + " and the reserved number " + std::to_string(reserved) +
           ", expected 2 of the kinds 1 and 2 and the number 0";
  };
  EXPECT_EQ(changed(24, 3, 4), sections(3, 0, 1, 2));
  EXPECT_EQ(changed(28, 1, 4), sections(2, 1, 1, 2));
  EXPECT_EQ(changed(32, 2, 4), sections(2, 0, 2, 2));
  EXPECT_EQ(changed(56, 9, 4), sections(2, 0, 1, 9));
  std::string graphBytes = std::to_string(graph.size());
  auto places = [&](const std::string &found) {
    return memoryPath + ": header: sections of " + found +
           ", expected the first at 80, the second at the next multiple of 4096 and to end at the file's end, 4224";
  };
  EXPECT_EQ(changed(40, 81, 8), places(graphBytes + " bytes at 81 and 128 bytes at 4096"));
  EXPECT_EQ(changed(48, 5000, 8), places("5000 bytes at 80 and 128 bytes at 4096"));
  EXPECT_EQ(changed(64, 4160, 8), places(graphBytes + " bytes at 80 and 128 bytes at 4160"));
  EXPECT_EQ(changed(72, 64, 8), places(graphBytes + " bytes at 80 and 64 bytes at 4096"));
}

// What cannot be written: `main`'s arguments, results and body.
struct Unwritable {
  const char *program, *said;
  size_t pieces = 0; // of memory, of at most two
};

const Unwritable kUnwritable[] = {
    {"func.func @main(%x: f32) { return }", "function 'main', argument 0 'input0': type f32 has no place in a package, expected "
                                            "a tensor of floats, bool or integers of 8 "
                                            "to 64 bits"},
    {"func.func @main(%x: tensor<2xi7>) { return }",
     "function 'main', argument 0 'input0': type tensor<2xi7> has no place in a package, expected a tensor of floats, bool or "
     "integers of 8 to 64 bits"},
    {"func.func @main(%x: tensor<2xf32, 7>) { return }", "function 'main', argument 0 'input0': type tensor<2xf32, 7 : i64> has "
                                                         "an encoding that has no place in a package, expected none "
                                                         "or #ember.dims"},
    {"func.func @main(%x: tensor<?xf32>) { return }",
     "function 'main', argument 0 'input0': type tensor<?xf32>: the number of names of sizes is 0, expected 1"},
    {"func.func @main() attributes {ember.a = 1.0 : f16} { return }",
     "function 'main': attribute 'ember.a' is 1.000000e+00 : f16, expected f32 or f64"},
    {"func.func @main() attributes {ember.a = 1 : index} { return }",
     "function 'main': attribute 'ember.a' is 1 : index, expected a signless integer of 1, 8, 16, 32 or 64 bits"},
    {"func.func @main() attributes {ember.a = 1 : i7} { return }",
     "function 'main': attribute 'ember.a' is 1 : i7, expected a signless integer of 1, 8, 16, 32 or 64 bits"},
    {"func.func @main() attributes {ember.a = 1 : ui8} { return }",
     "function 'main': attribute 'ember.a' is 1 : ui8, expected a signless integer of 1, 8, 16, 32 or 64 bits"},
    {"func.func @main() attributes {ember.a = [1]} { return }",
     "function 'main': attribute 'ember.a' is [1], expected an integer, a float, a text, a list of i32 or i64, a constant or a "
     "unit"},
    {"func.func private @main()", "function 'main': it has no body, expected one"},
    {"func.func @main() {\n  return\n^other:\n  return\n}", "function 'main': it has 2 blocks, expected 1"},
    {R"(func.func @main(%w: tensor<8xf32> {ember.role = "parameter"}, %n: tensor<3xi64> {ember.role = "buffer"},
                        %c: tensor<2xf32> {ember.role = "constant"}) { return })",
     "function 'main', argument 2 'input2': it is a constant and has no data, expected its memory", 2},
    {R"(func.func @main(%w: tensor<8xf32> {ember.name = "w", ember.role = "parameter"},
                        %n: tensor<3xi64> {ember.name = "w", ember.role = "buffer"}) { return })",
     "function 'main', argument 1 'w': it has other memory or another type than an argument of this name, of tensor<8xf32>, "
     "expected "
     "the same",
     2},
    {R"(func.func @main(%w: tensor<8xf32> {ember.role = "parameter"}) { return })",
     "function 'main': there are 2 pieces of memory, expected 1, one for each argument that is no input", 2},
    {"func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  %y = builtin.unrealized_conversion_cast %x : tensor<2xf32> to "
     "tensor<2xf32>\n  return %y : tensor<2xf32>\n}",
     "op 0 ('builtin.unrealized_conversion_cast'): an op of another dialect has no place in a package, expected the ember "
     "dialect or "
     "'func.return'"},
    // What no reader takes is not written.
    {"func.func @other() { return }", "graph: it has no function 'main', expected one"},
    {"func.func @main(%x: tensor<2xf32>) {\n  %y = ember.abs %x {colour} : tensor<2xf32>\n  return\n}",
     "op 0 ('ember.abs'): unknown attribute 'colour', expected a name that begins with 'ember.'"},
    {"func.func @main() attributes {ember.a = \"b\", c} { return }",
     "function 'main': unknown attribute 'c', expected a name that begins with 'ember.'"},
    {"func.func @main(%x: tensor<4xf32>) {\n  %y = ember.pad %x low [0] high [300000000] {value = 0.0 : f64} : tensor<4xf32> -> "
     "tensor<300000004xf32>\n  return\n}",
     "op 0 ('ember.pad'): attribute 'high' holds 300000000, expected less than 268435456 either way"},
    {R"(func.func @main(%w: tensor<9xf32> {ember.name = "w", ember.role = "parameter"}) { return })",
     "function 'main', argument 0: 'w' has 32 bytes of data, expected 36", 1},
    {"module {}\nfunc.func @main() { return }", "module: expected functions, found 'builtin.module'"},
};

TEST_F(PackageMistakes, WhatCannotBeWritten) {
  for (const Unwritable &row : kUnwritable) {
    SCOPED_TRACE(row.program);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(row.program, &context);
    ASSERT_TRUE(module);
    std::vector<Memory> pieces{{weight, sizeof weight}, {count, sizeof count}};
    pieces.resize(row.pieces);
    EXPECT_EQ(writeError(*module, pieces), path + ": " + row.said);
  }
}

TEST_F(PackageMistakes, ALargeConstantCannotBeWritten) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>("func.func @main() { return }", &context);
  std::vector<int64_t> elements(1 << 15);
  elements[1] = 1;
  auto type = mlir::RankedTensorType::get(1 << 15, mlir::IntegerType::get(&context, 64));
  module->lookupSymbol("main")->setAttr("ember.a", mlir::DenseElementsAttr::get(type, llvm::ArrayRef(elements)));
  EXPECT_EQ(writeError(*module), path + ": function 'main': it takes 262175 bytes in a package, expected at most 262144 (a large "
                                        "constant is passed as an argument)");
}

} // namespace
