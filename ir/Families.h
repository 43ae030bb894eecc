// The op families of the dialect, one line each in ir/CMakeLists.txt.
#pragma once

namespace ember::ir {
class EmberDialect;
void registerAllFamilies(EmberDialect &dialect); // generated from the list in ir/CMakeLists.txt
} // namespace ember::ir
