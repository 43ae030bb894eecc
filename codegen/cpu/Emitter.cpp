#include "codegen/cpu/Emitter.h"

using namespace mlir;

namespace ember::cpu {

Type computeType(Type element) {
  if (auto floating = dyn_cast<FloatType>(element))
    return floating.getWidth() < 32 ? Type(Float32Type::get(element.getContext())) : element;
  return IntegerType::get(element.getContext(), element.getIntOrFloatBitWidth());
}

// What lies in memory: bool as a byte, bf16 and f16 as their bits.
static Type storageType(Type element) {
  if (element.isInteger(1))
    return IntegerType::get(element.getContext(), 8);
  if (isa<FloatType>(element) && element.getIntOrFloatBitWidth() == 16)
    return element.isBF16() ? Type(IntegerType::get(element.getContext(), 16)) : element;
  return computeType(element);
}

static unsigned byteWidth(Type storage) { return storage.getIntOrFloatBitWidth() / 8; }

static Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return vector.clone(element);
  return element;
}

Value Emitter::constant(int64_t value) { return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(value)); }

Value Emitter::broadcast(Value scalar) {
  if (isa<VectorType>(scalar.getType()))
    return scalar;
  return vector::BroadcastOp::create(builder, loc, cast<VectorType>(vectorOf(scalar.getType())), scalar);
}

Value Emitter::laneNumbers() {
  SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
  return arith::ConstantOp::create(builder, loc, builder.getI64VectorAttr(numbers));
}

Value Emitter::lanesInside(Value offset, Value bound, int64_t stride) {
  auto narrow = [&](Value value) { return broadcast(arith::TruncIOp::create(builder, loc, builder.getI32Type(), value)); };
  SmallVector<int32_t> numbers;
  for (int32_t lane = 0; lane < static_cast<int32_t>(lanes); ++lane)
    numbers.push_back(lane * stride);
  Value lane = arith::ConstantOp::create(builder, loc, builder.getI32VectorAttr(numbers));
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, add(narrow(offset), lane), narrow(bound));
}

Value Emitter::firstLanes(Value count) { return lanesInside(constant(0), maximum(minimum(count, constant(lanes)), constant(0))); }

void Emitter::loop(Value low, Value high, int64_t step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(builder, loc, low, high, constant(step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

SmallVector<Value> Emitter::loop(Value low, Value high, int64_t step, ValueRange initial,
                                 function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(builder, loc, low, high, constant(step), initial);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!initial.empty())
    scf::YieldOp::create(builder, loc, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void Emitter::laneLoop(Value low, Value high, bool isWhole, function_ref<void(Value, Value)> body) {
  if (isWhole)
    return loop(low, high, lanes, [&](Value base) { body(base, {}); });
  Value step = constant(lanes), whole = add(low, mul(div(sub(high, low), step), step));
  loop(low, whole, lanes, [&](Value base) { body(base, {}); });
  branch(less(whole, high), [&] {
    Value numbers = add(broadcast(whole), laneNumbers());
    body(whole, arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, numbers, broadcast(high)));
  });
}

void Emitter::branch(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(builder, loc, condition, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&branch.getThenRegion().front());
  body();
}

Value Emitter::elementPointer(Value buffer, Type element, Value index) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type result = pointer;
  if (auto vector = dyn_cast<VectorType>(index.getType()))
    result = vector.clone(pointer);
  return LLVM::GEPOp::create(builder, loc, result, storageType(element), buffer, ArrayRef<LLVM::GEPArg>{index});
}

Value Emitter::fromStorage(Value stored, Type element) {
  Type type = withElement(stored.getType(), computeType(element));
  if (element.isInteger(1)) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(stored.getType()));
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, stored, zero);
  }
  if (element.isBF16()) {
    Type wide = withElement(stored.getType(), builder.getI32Type());
    Value bits = arith::ExtUIOp::create(builder, loc, wide, stored);
    Value shift = arith::ConstantOp::create(builder, loc, cast<TypedAttr>([&]() -> Attribute {
                                              auto sixteen = builder.getI32IntegerAttr(16);
                                              if (auto vector = dyn_cast<VectorType>(wide))
                                                return DenseElementsAttr::get(vector, Attribute(sixteen));
                                              return sixteen;
                                            }()));
    return arith::BitcastOp::create(builder, loc, type, arith::ShLIOp::create(builder, loc, bits, shift));
  }
  if (element.isF16())
    return arith::ExtFOp::create(builder, loc, type, stored);
  return stored;
}

// bf16 by its bits, to nearest even; NaN stays NaN.
static Value bf16Bits(Emitter &e, Value value) {
  OpBuilder &b = e.builder;
  Type wide = withElement(value.getType(), b.getI32Type());
  auto number = [&](int64_t n) -> Value {
    Attribute attribute = b.getI32IntegerAttr(n);
    if (auto vector = dyn_cast<VectorType>(wide))
      attribute = DenseElementsAttr::get(vector, attribute);
    return arith::ConstantOp::create(b, e.loc, cast<TypedAttr>(attribute));
  };
  Value bits = arith::BitcastOp::create(b, e.loc, wide, value);
  Value odd = arith::AndIOp::create(b, e.loc, arith::ShRUIOp::create(b, e.loc, bits, number(16)), number(1));
  Value rounded = arith::AddIOp::create(b, e.loc, bits, arith::AddIOp::create(b, e.loc, odd, number(0x7fff)));
  Value isNan = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::UNO, value, value);
  rounded = arith::SelectOp::create(b, e.loc, isNan, number(0x7fc00000), rounded);
  return arith::ShRUIOp::create(b, e.loc, rounded, number(16));
}

Value Emitter::roundTo(Value value, Type element) {
  if (element.isF16()) {
    Value narrow = arith::TruncFOp::create(builder, loc, withElement(value.getType(), element), value);
    return arith::ExtFOp::create(builder, loc, value.getType(), narrow);
  }
  if (!element.isBF16())
    return value;
  Value bits =
      arith::TruncIOp::create(builder, loc, withElement(value.getType(), builder.getIntegerType(16)), bf16Bits(*this, value));
  return fromStorage(bits, element);
}

Value Emitter::toStorage(Value value, Type element) {
  if (element.isInteger(1))
    return arith::ExtUIOp::create(builder, loc, withElement(value.getType(), builder.getI8Type()), value);
  if (element.isF16())
    return arith::TruncFOp::create(builder, loc, withElement(value.getType(), element), value);
  if (element.isBF16()) // rounded before: the low bits are zero
    return arith::TruncIOp::create(builder, loc, withElement(value.getType(), builder.getIntegerType(16)),
                                   bf16Bits(*this, value));
  return value;
}

Value Emitter::load(Value buffer, Type element, Value index, Value mask) {
  if (mask)
    index = arith::SelectOp::create(builder, loc, mask, index, constant(0));
  Value pointer = elementPointer(buffer, element, index);
  Type storage = storageType(element);
  Value loaded = fromStorage(LLVM::LoadOp::create(builder, loc, storage, pointer, byteWidth(storage)), element);
  if (!mask)
    return loaded;
  Value zero = arith::ConstantOp::create(builder, loc, cast<TypedAttr>(builder.getZeroAttr(loaded.getType())));
  return arith::SelectOp::create(builder, loc, mask, loaded, zero);
}

// 64-bit elements fill two registers. LLVM 22 splits such a load itself, but takes one whose upper lanes are known to be off for
// a load of all of them (x86, AVX2): the halves are loaded one by one here.
Value Emitter::maskedLoad(Value pointer, Value mask, Value otherwise, Type storage) {
  auto load = [&](Value from, Value active, Value rest) -> Value {
    return LLVM::MaskedLoadOp::create(builder, loc, rest.getType(), from, active, rest,
                                      builder.getI32IntegerAttr(byteWidth(storage)), UnitAttr());
  };
  if (byteWidth(storage) < 8)
    return load(pointer, mask, otherwise);
  SmallVector<Value, 2> halves;
  for (int64_t start : {int64_t(0), int64_t(lanes / 2)}) {
    SmallVector<int64_t> part = llvm::to_vector(llvm::seq<int64_t>(start, start + lanes / 2));
    Value active = vector::ShuffleOp::create(builder, loc, mask, mask, part),
          rest = vector::ShuffleOp::create(builder, loc, otherwise, otherwise, part);
    Value from = LLVM::GEPOp::create(builder, loc, pointer.getType(), storage, pointer, ArrayRef<LLVM::GEPArg>{int32_t(start)});
    halves.push_back(load(from, active, rest));
  }
  return vector::ShuffleOp::create(builder, loc, halves[0], halves[1], llvm::to_vector(llvm::seq<int64_t>(0, lanes)));
}

Value Emitter::loadVector(Value buffer, Type element, Value index, Value mask, Value otherwise) {
  Value pointer = elementPointer(buffer, element, index);
  Type storage = storageType(element), type = vectorOf(storage);
  if (!mask)
    return fromStorage(LLVM::LoadOp::create(builder, loc, type, pointer, byteWidth(storage)), element);
  bool passesThrough = otherwise && otherwise.getType() == type;
  Value loaded = maskedLoad(pointer, mask, passesThrough ? otherwise : zero(type), storage);
  Value value = fromStorage(loaded, element);
  return otherwise && !passesThrough ? arith::SelectOp::create(builder, loc, mask, value, otherwise) : value;
}

Value Emitter::loadStrided(Value buffer, Type element, Value index, int64_t stride, Value mask) {
  Type storage = storageType(element), type = vectorOf(storage);
  int64_t count = lanes, needed = stride * (count - 1) + 1; // elements from the first to the last one
  Value none = mask ? zero(mask.getType()) : Value(), picked;
  for (int64_t part = 0; part < stride; ++part) {
    // Without a mask the last vector ends at the last element, so that nothing beyond is read.
    int64_t start = !mask && part == stride - 1 ? needed - count : part * count;
    Value pointer = elementPointer(buffer, element, add(index, constant(start))), loaded;
    SmallVector<int64_t> active, pick;
    for (int64_t lane = 0; lane < count; ++lane) {
      int64_t position = start + lane, own = position % stride == 0 ? position / stride : count;
      active.push_back(std::min(own, count)); // `count` and beyond: of `none`
      int64_t wanted = lane * stride;
      bool isHere = wanted >= part * count && wanted < (part + 1) * count;
      pick.push_back(isHere ? count + wanted - start : lane);
    }
    if (mask)
      loaded = maskedLoad(pointer, vector::ShuffleOp::create(builder, loc, mask, none, active), zero(type), storage);
    else
      loaded = LLVM::LoadOp::create(builder, loc, type, pointer, byteWidth(storage));
    picked = vector::ShuffleOp::create(builder, loc, picked ? picked : loaded, loaded, pick);
  }
  return fromStorage(picked, element);
}

Value Emitter::gather(Value buffer, Type element, Value indices, Value mask) {
  Type storage = storageType(element), type = vectorOf(storage);
  Value zero = arith::ConstantOp::create(builder, loc, cast<TypedAttr>(builder.getZeroAttr(type)));
  if (!mask)
    mask = broadcast(arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true)));
  // A lane that is masked off must not form an address of its own.
  Value safe = arith::SelectOp::create(builder, loc, mask, indices, broadcast(constant(0)));
  Value pointers = elementPointer(buffer, element, safe);
  Value loaded = LLVM::masked_gather::create(builder, loc, type, pointers, mask, ValueRange{zero},
                                             builder.getI32IntegerAttr(byteWidth(storage)));
  return fromStorage(loaded, element);
}

void Emitter::store(Value value, Value buffer, Type element, Value index) {
  LLVM::StoreOp::create(builder, loc, toStorage(value, element), elementPointer(buffer, element, index),
                        byteWidth(storageType(element)));
}

void Emitter::storeVector(Value value, Value buffer, Type element, Value index, Value mask) {
  Value stored = toStorage(broadcast(value), element), pointer = elementPointer(buffer, element, index);
  unsigned alignment = byteWidth(storageType(element));
  if (mask)
    LLVM::MaskedStoreOp::create(builder, loc, stored, pointer, mask, builder.getI32IntegerAttr(alignment));
  else
    LLVM::StoreOp::create(builder, loc, stored, pointer, alignment);
}

void Emitter::storeInterleaved(ArrayRef<Value> values, Value buffer, Type element, Value index, Value limit) {
  int64_t count = values.size(), width = lanes;
  for (int64_t part = 0; part < count; ++part) {
    Value mixed = broadcast(values[0]);
    for (int64_t own = 0; own < count; ++own) {
      SmallVector<int64_t> pick;
      for (int64_t lane = 0; lane < width; ++lane) {
        int64_t position = part * width + lane;
        pick.push_back(position % count == own ? width + position / count : lane);
      }
      mixed = vector::ShuffleOp::create(builder, loc, mixed, broadcast(values[own]), pick);
    }
    Value offset = constant(part * width);
    storeVector(mixed, buffer, element, add(index, offset), limit ? firstLanes(sub(limit, offset)) : Value());
  }
}

void Emitter::prefetch(Value buffer, Type element, Value index, bool toWrite) {
  Value pointer = elementPointer(buffer, element, index);
  LLVM::Prefetch::create(builder, loc, pointer, /*rw=*/toWrite, /*hint=*/3, /*cache=*/1);
}

void Emitter::scatter(Value value, Value buffer, Type element, Value indices, Value mask) {
  Value stored = toStorage(broadcast(value), element);
  if (!mask)
    mask = broadcast(arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true)));
  Value safe = arith::SelectOp::create(builder, loc, mask, indices, broadcast(constant(0)));
  LLVM::masked_scatter::create(builder, loc, stored, elementPointer(buffer, element, safe), mask,
                               builder.getI32IntegerAttr(byteWidth(storageType(element))));
}

} // namespace ember::cpu
