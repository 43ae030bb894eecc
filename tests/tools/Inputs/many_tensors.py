"""Prints a program of 70 inputs and 100 outputs."""

inputs, outputs, kind = 70, 100, "tensor<2xf32>"
arguments = ", ".join(f"%x{i}: {kind}" for i in range(inputs))
print(f"func.func @main({arguments}) -> ({', '.join([kind] * outputs)}) {{")
for i in range(outputs):
    print(f"  %y{i} = ember.add %x{i % inputs}, %x{i // inputs} : {kind}")
print(f"  return {', '.join(f'%y{i}' for i in range(outputs))} : {', '.join([kind] * outputs)}\n}}")
