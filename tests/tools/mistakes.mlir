// Each mistake is one line, `ember: …`, and exit code 1.
// RUN: python3 %S/write_npy.py %t.x.npy f4 2,3 1,2,3,4,5,6
// RUN: python3 %S/write_npy.py %t.w.npy f4 3,2 1,2,3,4,5,6
// RUN: python3 %S/write_npy.py %t.d.npy f8 3,2 1,2,3,4,5,6
// RUN: python3 %S/write_npy.py %t.a.npy f4 3 1,2,3
// RUN: python3 %S/write_npy.py %t.v.npy f4 4 1,2,3,4
// RUN: python3 %S/write_npy.py %t.i.npy i8 2 1,4
// RUN: head -c 130 %t.x.npy > %t.short.npy

// RUN: not ember 2>&1 | FileCheck %s --check-prefix=COMMAND
// COMMAND: {{^}}ember: expected a command: compile, run, bench
// RUN: not ember frob 2>&1 | FileCheck %s --check-prefix=NOCOMMAND
// NOCOMMAND: {{^}}ember: unknown command 'frob', expected compile, run, bench
// RUN: not ember --frob run 2>&1 | FileCheck %s --check-prefix=NOOPTION
// NOOPTION: {{^}}ember: unknown option '--frob', expected compile, run, bench
// RUN: not ember compile '' -o %t.so 2>&1 | FileCheck %s --check-prefix=NONAME
// NONAME: {{^}}ember: expected a MODEL, found an empty name
// RUN: not ember compile %S/Inputs/layer.mlir -o 2>&1 | FileCheck %s --check-prefix=NOOUT
// NOOUT: {{^}}ember: -o: expected OUT after it
// RUN: not ember compile %S/Inputs/layer.mlir -o '' 2>&1 | FileCheck %s --check-prefix=NOFILENAME
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy -o '' 2>&1 | FileCheck %s --check-prefix=NOFILENAME
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy '' 2>&1 | FileCheck %s --check-prefix=NOFILENAME
// RUN: not ember verify %S/Inputs/layer.mlir %t.x.npy '' 2>&1 | FileCheck %s --check-prefix=NOFILENAME
// NOFILENAME: {{^}}ember: {{INPUTS|-o}}: expected the name of a file, found an empty one
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy --interpret=no 2>&1 | FileCheck %s --check-prefix=FLAG
// RUN: not ember bench %S/Inputs/layer.mlir --json=5 2>&1 | FileCheck %s --check-prefix=FLAG
// RUN: not ember compile %S/Inputs/layer.mlir --unfused=no --emit=asm 2>&1 | FileCheck %s --check-prefix=FLAG
// FLAG: {{^}}ember: --{{interpret|json|unfused}}: expected no value{{$}}
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.a.so -o %t.b.so 2>&1 | FileCheck %s --check-prefix=TWOOUTS
// TWOOUTS: {{^}}ember: -o: expected one value, found 2
// RUN: not ember run 2>&1 | FileCheck %s --check-prefix=NOMODEL
// NOMODEL: {{^}}ember: expected a MODEL (ember COMMAND --help)
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy %t.a.npy 2>&1 | FileCheck %s --check-prefix=MANY
// MANY: {{^}}ember: {{.*}}layer.mlir: expected 2 inputs, found 3
// RUN: not ember compile %s --frob 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: {{^}}ember: compile: unknown option '--frob', expected options of --help, -o, --emit
// RUN: not ember compile %S/Inputs/layer.mlir 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: {{^}}ember: compile: expected -o OUT or --emit STAGE
// RUN: not ember compile %S/Inputs/named.mlir -o %t.unused.so --size B=3 2>&1 | FileCheck %s --check-prefix=NOSIZES
// NOSIZES: {{^}}ember: compile: --size goes with --emit: an artifact takes every size
// RUN: not ember compile %S/Inputs/layer.mlir --emit=asm --name layer 2>&1 | FileCheck %s --check-prefix=NOFUNCTIONS
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.unused.ember --name layer 2>&1 | FileCheck %s --check-prefix=NOFUNCTIONS
// NOFUNCTIONS: {{^}}ember: compile: --name goes with -o OUT of native code: a {{package|stage}} has no C functions
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.unused.ember --max-memory 1 2>&1 | FileCheck %s --check-prefix=NOKERNELS
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.unused.ember --unfused 2>&1 | FileCheck %s --check-prefix=NOKERNELS
// NOKERNELS: {{^}}ember: compile: --{{unfused|max-memory}} goes with native code or --emit: a package holds the graph as it is
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.unused.so --name '' 2>&1 | FileCheck %s --check-prefix=NONAMING
// NONAMING: {{^}}ember: artifact: the name is '', expected a C identifier of at most 200 characters
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.unused.so --name ember_rt_model 2>&1 | FileCheck %s --check-prefix=RUNTIMES
// RUNTIMES: {{^}}ember: artifact: the name is 'ember_rt_model', expected none of the runtime's, which begin with ember_rt
// RUN: test ! -e %t.unused.so && test ! -e %t.unused.ember
// RUN: not ember compile %S/Inputs/layer.mlir --emit=frob 2>&1 | FileCheck %s --check-prefix=STAGE
// STAGE: {{^}}ember: unknown stage 'frob', expected one of recorded, graph
// RUN: ember compile %S/Inputs/layer.mlir --emit=llvm | not ember compile - --from=llvm --emit=kernels 2>&1 | FileCheck %s --check-prefix=BACK
// BACK: {{^}}ember: stage kernels comes before llvm
// RUN: not ember compile %S/Inputs/layer.mlir --emit=asm --target m68k 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: {{^}}ember: target: unknown level 'm68k', expected native, x86-64-v3 or x86-64-v4
// RUN: not ember compile %t.none --emit=asm 2>&1 | FileCheck %s --check-prefix=NOFILE
// RUN: not ember inspect /dev/zero 2>&1 | FileCheck %s --check-prefix=NOEND
// NOEND: {{^}}ember: /dev/zero: expected a file, found a device
// NOFILE: {{^}}ember: {{.*}}.none: No such file or directory

// Outputs that cannot be written; nothing stays behind.
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.dir/none/x.so 2>&1 | FileCheck %s --check-prefix=UNWRITABLE
// RUN: not ember compile %S/Inputs/layer.mlir --emit=asm -o %t.dir/none/x.s 2>&1 | FileCheck %s --check-prefix=UNWRITABLE
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy -o %t.dir/none/y.npy 2>&1 | FileCheck %s --check-prefix=UNWRITABLE
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy -o /dev/full 2>&1 | FileCheck %s --check-prefix=FULL
// RUN: not ember compile %S/Inputs/layer.mlir --emit=asm -o /dev/full 2>&1 | FileCheck %s --check-prefix=FULL
// FULL: {{^}}ember: /dev/full: No space left on device
// RUN: not ember compile %S/Inputs/layer.mlir --emit=asm 2>&1 > /dev/full | FileCheck %s --check-prefix=STDOUT
// RUN: not ember --help 2>&1 > /dev/full | FileCheck %s --check-prefix=STDOUT
// STDOUT: {{^}}ember: standard output: cannot be written
// RUN: (ulimit -f 0; not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy -o %t.limit.npy 2>&1) | FileCheck %s --check-prefix=LIMIT
// LIMIT: {{^}}ember: {{.*}}.limit.npy: File too large
// RUN: test ! -e %t.limit.npy
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy -o %S 2>&1 | FileCheck %s --check-prefix=FOLDER
// RUN: not ember compile %S/Inputs/layer.mlir -o %S 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: {{^}}ember: {{.*}}tools: Is a directory
// UNWRITABLE: {{^}}ember: {{.*}}.dir/none/{{x.so|x.s|y.npy}}: No such file or directory
// RUN: not ember compile %S/Inputs/layer.mlir -o %t.exe.dll 2>&1 | FileCheck %s --check-prefix=ENDING
// ENDING: {{^}}ember: {{.*}}.dll: unknown ending '.dll', expected
// RUN: test ! -e %t.exe.dll

// A linker that fails: its first line is the reason. Without one, that is.
// RUN: mkdir -p %t.linker && printf '#!/bin/sh\necho "ld: no room" >&2\necho more\nexit 1\n' > %t.linker/cc && chmod +x %t.linker/cc
// RUN: not env PATH=%t.linker:$PATH ember compile %S/Inputs/layer.mlir -o %t.linker/x.so 2>&1 | FileCheck %s --check-prefix=LINKER
// LINKER: {{^}}ember: linking: 'cc' failed: ld: no room{{$}}
// LINKER-NOT: {{.}}
// RUN: not $(which env) PATH=%t.none $(which ember) compile %S/Inputs/layer.mlir -o %t.linker/x.so 2>&1 | FileCheck %s --check-prefix=NOLINKER
// NOLINKER: {{^}}ember: linking needs 'cc' on PATH, which is not there
// RUN: ls %t.linker | FileCheck %s --check-prefix=LINKED
// LINKED: cc
// LINKED-NOT: {{.}}

// Inputs that do not fit.
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: {{^}}ember: {{.*}}layer.mlir: expected 2 inputs, found 1
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.d.npy 2>&1 | FileCheck %s --check-prefix=DTYPE
// DTYPE: {{^}}ember: {{.*}}.d.npy: input 'w' is f64[3, 2], expected f32[3, 2]
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.x.npy 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: {{^}}ember: {{.*}}.x.npy: input 'w' is f32[2, 3], expected f32[3, 2]
// RUN: not ember run %S/Inputs/named.mlir %t.a.npy %t.v.npy 2>&1 | FileCheck %s --check-prefix=NAMED
// NAMED: {{^}}ember: {{.*}}.v.npy: input 'input1' is f32[4], expected f32[3] = f32[B]
// RUN: not ember run %S/Inputs/layer.mlir %t.short.npy %t.w.npy 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: {{^}}ember: {{.*}}.short.npy: expected 24 bytes of data for its shape and dtype, found 2
// RUN: not ember run %S/Inputs/layer.mlir %s %t.w.npy 2>&1 | FileCheck %s --check-prefix=NONPY
// NONPY: {{^}}ember: {{.*}}mistakes.mlir: not an .npy file
// RUN: not ember run %S/Inputs/take.mlir %t.v.npy %t.i.npy 2>&1 | FileCheck %s --check-prefix=FAULT
// RUN: not ember run %S/Inputs/take.mlir %t.v.npy %t.i.npy --interpret 2>&1 | FileCheck %s --check-prefix=REFERENCE
// FAULT: {{^}}ember: {{.*}}take.mlir: take.mlir:2:8: take: index 4 is out of bounds for a dimension with size 4
// REFERENCE: {{^}}ember: {{.*}}take.mlir: take.mlir:2:8: take: index 4 is out of bounds for a dimension with size 4
// RUN: not ember bench %S/Inputs/named.mlir --size B=x 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: {{^}}ember: --size: expected NAME=N, found 'B=x'
// RUN: not ember bench %S/Inputs/named.mlir --size B=3 --size B=4 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: {{^}}ember: --size: 'B' is given twice
// RUN: not ember bench %S/Inputs/named.mlir --size C=3 2>&1 | FileCheck %s --check-prefix=NOSIZE
// RUN: not ember inspect %S/Inputs/named.mlir --size C=3 2>&1 | FileCheck %s --check-prefix=NOSIZE
// RUN: not ember compile %S/Inputs/named.mlir --size C=3 --emit=planned 2>&1 | FileCheck %s --check-prefix=NOSIZE
// NOSIZE: {{^}}ember: --size: the model has no size 'C', expected B
// RUN: not ember verify %S/Inputs/layer.mlir --size C=3 2>&1 | FileCheck %s --check-prefix=FIXED
// FIXED: {{^}}ember: --size: the model has no size 'C', all of its sizes are numbers
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy --threads 0 2>&1 | FileCheck %s --check-prefix=THREADS
// RUN: not ember run %S/Inputs/layer.mlir %t.x.npy %t.w.npy --threads -1 2>&1 | FileCheck %s --check-prefix=THREADS
// RUN: not ember bench %S/Inputs/layer.mlir --threads 1x 2>&1 | FileCheck %s --check-prefix=THREADS
// THREADS: {{^}}ember: --threads: expected a whole number from 1 to 1024, found '{{0|-1|1x}}'
// RUN: not ember run %S/Inputs/layer.mlir --seed 1.5 2>&1 | FileCheck %s --check-prefix=SEED
// SEED: {{^}}ember: --seed: expected a whole number from 0 to 18446744073709551615, found '1.5'
// RUN: not ember verify %S/Inputs/layer.mlir --ulps few 2>&1 | FileCheck %s --check-prefix=ULPS
// ULPS: {{^}}ember: --ulps: expected a number of at least 0, found 'few'
// RUN: not ember run %S/Inputs/named.mlir %t.a.npy %t.a.npy -o %t.y.npy -o %t.y.npy 2>&1 | FileCheck %s --check-prefix=SAMEOUT
// SAMEOUT: {{^}}ember: -o: expected a file for each output, found '{{.*}}.y.npy' twice
// RUN: test ! -e %t.y.npy
// RUN: mkdir -p %t.bin && ember compile %S/Inputs/named.mlir -o %t.bin/pair
// RUN: not %t.bin/pair %t.a.npy %t.a.npy -o output1.npy 2>&1 | FileCheck %s --check-prefix=SAMENAME
// SAMENAME: {{^}}pair: expected a file for each output, found 'output1.npy' for outputs 0 and 1

// Text that is no program: the parser's own words with the place, and what no compiler may be handed.
// RUN: echo 'func.func @main(' > %t.broken.mlir
// RUN: not ember inspect %t.broken.mlir 2>&1 | FileCheck %s --check-prefix=BROKEN
// BROKEN: {{^}}ember: {{.*}}.broken.mlir:1:17: expected non-function type{{$}}
// BROKEN-NOT: {{.}}
// RUN: echo 'func.func @other(%%x: tensor<2xf32>) -> tensor<2xf32> { return %%x : tensor<2xf32> }' > %t.other.mlir
// RUN: not ember inspect %t.other.mlir 2>&1 | FileCheck %s --check-prefix=NOMAIN
// NOMAIN: {{^}}ember: {{.*}}.other.mlir: the module has no function 'main'
// RUN: echo 'func.func @main(%%x: i32) -> i32 { return %%x : i32 }' > %t.scalar.mlir
// RUN: not ember inspect %t.scalar.mlir 2>&1 | FileCheck %s --check-prefix=SCALAR
// SCALAR: {{^}}ember: {{.*}}.scalar.mlir:1:{{[0-9]+}}: expected a ranked tensor of floats, integers or bools, found i32
// RUN: echo 'func.func @main(%%x: tensor<?xf32>) -> tensor<?xf32> { return %%x : tensor<?xf32> }' > %t.nameless.mlir
// RUN: not ember inspect %t.nameless.mlir 2>&1 | FileCheck %s --check-prefix=NAMELESS
// NAMELESS: {{^}}ember: {{.*}}.nameless.mlir:1:{{[0-9]+}}: expected a name for each dynamic size (#ember.dims), found tensor<?xf32>
// RUN: echo 'func.func @main(%%x: tensor<?x?xf32, #ember.dims<[B]>>) -> tensor<f32> { %%0 = ember.sum %%x [0, 1] : tensor<?x?xf32, #ember.dims<[B]>> -> tensor<f32> return %%0 : tensor<f32> }' > %t.few.mlir
// RUN: not ember inspect %t.few.mlir 2>&1 | FileCheck %s --check-prefix=FEW
// FEW: {{^}}ember: {{.*}}.few.mlir:1:{{[0-9]+}}: expected a name for each dynamic size (#ember.dims), found tensor<?x?xf32, #ember.dims<[B]>>
// RUN: echo 'func.func @main(%%x: tensor<2xf32, #ember.dims<[B]>>) -> tensor<2xf32, #ember.dims<[B]>> { return %%x : tensor<2xf32, #ember.dims<[B]>> }' > %t.more.mlir
// RUN: not ember inspect %t.more.mlir 2>&1 | FileCheck %s --check-prefix=MORE
// MORE: {{^}}ember: {{.*}}.more.mlir:1:{{[0-9]+}}: expected a name for each dynamic size (#ember.dims), found tensor<2xf32, #ember.dims<[B]>>
// RUN: echo 'func.func @main(%%x: tensor<4x4000000000x4000000000xf32>) -> tensor<4x4000000000x4000000000xf32> { return %%x : tensor<4x4000000000x4000000000xf32> }' > %t.huge.mlir
// RUN: not ember inspect %t.huge.mlir 2>&1 | FileCheck %s --check-prefix=HUGE
// HUGE: {{^}}ember: {{.*}}: the sizes of tensor<4x4000000000x4000000000xf32> overflow
// RUN: echo 'func.func @main(%%x: tensor<2xf32>) -> tensor<2xf32> { %%0 = math.exp %%x : tensor<2xf32> return %%0 : tensor<2xf32> }' > %t.foreign.mlir
// RUN: not ember inspect %t.foreign.mlir 2>&1 | FileCheck %s --check-prefix=FOREIGN
// FOREIGN: {{^}}ember: {{.*}}: expected an op of the ember dialect, found 'math.exp'
// RUN: not ember compile %S/Inputs/layer.mlir --from=kernels --emit=asm 2>&1 | FileCheck %s --check-prefix=NOKERNEL
// NOKERNEL: {{^}}ember: {{.*}}layer.mlir:2:8: expected kernels alone (stage kernels), found 'ember.matmul'
// RUN: echo 'frob' > %t.frob.ll
// RUN: not ember compile %t.frob.ll --from=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=NOLLVM
// NOLLVM: {{^}}ember: {{.*}}.frob.ll:1:1: expected top-level entity
// RUN: python3 -c "print('module {' * 600)" > %t.deep.mlir
// RUN: not ember inspect %t.deep.mlir 2>&1 | FileCheck %s --check-prefix=DEEP
// RUN: not ember compile %t.deep.mlir --from=vector --emit=asm 2>&1 | FileCheck %s --check-prefix=DEEP
// RUN: python3 -c "print('func.func @main() attributes {a = affine_map<(d0) -> (' + '-' * 600 + 'd0)>} { return }')" > %t.deep.mlir
// RUN: not ember inspect %t.deep.mlir 2>&1 | FileCheck %s --check-prefix=DEEP
// RUN: python3 -c "print('@x = global ' + '[1 x ' * 600)" > %t.deep.ll
// RUN: not ember compile %t.deep.ll --from=llvm --emit=asm 2>&1 | FileCheck %s --check-prefix=DEEP
// DEEP: {{^}}ember: {{.*}}.deep.{{mlir|ll}}:1:{{[0-9]+}}: expected at most 500 brackets or signs within each other, found more{{$}}
// RUN: printf '// (\n"f"() {a = "<[(", b = array<index: 1>} : () -> ()' > %t.index.mlir
// RUN: not ember inspect %t.index.mlir 2>&1 | FileCheck %s --check-prefix=INDEX
// INDEX: {{^}}ember: {{.*}}.index.mlir:2:{{[0-9]+}}: expected integers or floats of a number of bits in array<…>, found index{{$}}
// RUN: echo 'func.func @main() -> tensor<2xf32> { %%0 = ember.constant dense<[1.0, 2.0]> : tensor<2xf32> return %%0 : tensor<2xf32> }' > %t.several.mlir
// RUN: not ember inspect %t.several.mlir 2>&1 | FileCheck %s --check-prefix=SEVERAL
// SEVERAL: {{^}}ember: {{.*}}.several.mlir:1:{{[0-9]+}}: kernels: expected a constant with one value for all elements, found 'tensor<2xf32>' with several: pass it as an argument{{$}}

// Artifacts and packages need the values of parameters, which text has not; a damaged package says so.
// RUN: not ember compile %S/inspect.mlir -o %t.o 2>&1 | FileCheck %s --check-prefix=VALUES
// RUN: not ember compile %S/inspect.mlir -o %t.ember 2>&1 | FileCheck %s --check-prefix=VALUES
// VALUES: {{^}}ember: {{.*}}inspect.mlir: parameter 'w' has no value
// RUN: ember compile %S/Inputs/layer.mlir -o %t.whole.ember
// RUN: head -c 100 %t.whole.ember > %t.cut.ember
// RUN: not ember inspect %t.cut.ember 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: {{^}}ember: {{.*}}.cut.ember
// RUN: printf '' > %t.none.ember
// RUN: not ember inspect %t.none.ember 2>&1 | FileCheck %s --check-prefix=EMPTY
// EMPTY: {{^}}ember: {{.*}}.none.ember: {{.*(package|truncated).*}}
