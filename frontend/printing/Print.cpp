// std::cout << tensor.
#include "ember/tensor.h"
#include "printing/TensorFormat.h"
#include "record/Storage.h"

#include <ostream>

namespace ember {

std::ostream &operator<<(std::ostream &stream, const Tensor &tensor) {
  if (!tensor.defined())
    return stream << "None";
  printing::Printable shown;
  shown.sizes = tensor.sizes();
  ScalarType dtype = tensor.dtype();
  {
    NoGradGuard noGrad;
    if (tensor.is_floating_point()) {
      shown.reals = tensor.to_vector<double>();
    } else {
      shown.kind = dtype == kBool ? printing::Printable::Kind::Bool : printing::Printable::Kind::Integer;
      shown.integers = tensor.to_vector<int64_t>();
    }
  }
  shown.dtype = dtype_name(dtype);
  shown.dtypeIsDefault = dtype == kFloat32;
  shown.dtypeIsImplied = dtype == kFloat32 || dtype == kInt64 || dtype == kBool;
  if (tensor.requires_grad()) {
    if (tensor.is_leaf())
      shown.requiresGrad = true;
    else
      shown.gradientFunction = tensor.impl->function();
  }
  return stream << printing::formatTensor(shown);
}

} // namespace ember
