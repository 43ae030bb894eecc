// What ember inspect reads from native artifacts, without running them; damaged ones; an interrupt while one is put together.
// RUN: rm -rf %t.d && mkdir -p %t.d/bin
// RUN: ember compile %s -o %t.d/libnet.so && ember inspect %t.d/libnet.so | FileCheck %s
// RUN: ember compile %s -o %t.d/libnet.a && ember inspect %t.d/libnet.a | FileCheck %s
// RUN: ember compile %s -o %t.d/net.o && ember inspect %t.d/net.o | FileCheck %s
// RUN: ember compile %s -o %t.d/net && ember inspect %t.d/net | FileCheck %s
// CHECK: net: a model, by ember {{[0-9.]+}}, C interface version {{[0-9]+}}, code for x86-64-v3 and x86-64-v4
// CHECK-NEXT: run: 2 kernels, arena 320 bytes
// CHECK-NEXT:   work: {{[0-9]+}} flops, {{[0-9]+}} bytes
// CHECK-NEXT:   input x: f32[4, 8]
// CHECK-NEXT:   input w: f32[8, 16]
// CHECK-NEXT:   output y: f32[4]
// CHECK-NEXT: file: {{[0-9]+}} bytes

// RUN: ember compile %S/Inputs/rows.mlir -o %t.rows.o && ember inspect %t.rows.o | FileCheck %s --check-prefix=NAMED
// NAMED: kernels, arena laid out at entry
// NAMED: input {{.*}}[B, {{.*}}]
// RUN: not ember run %t.d/net 2>&1 | FileCheck %s --check-prefix=NATIVE
// NATIVE: {{^}}ember: {{.*}}net: expected a package or a graph as text, found native code
// RUN: not ember inspect /bin/sh 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: {{^}}ember: /bin/sh: no artifact of ember: it holds no record (section .note.ember)
// RUN: head -c 3000 %t.d/libnet.so > %t.cut.so && not ember inspect %t.cut.so 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: head -c 20 %t.d/net > %t.cut && not ember inspect %t.cut 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: head -c 3000 %t.d/libnet.a > %t.cut.a && not ember inspect %t.cut.a 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: {{^}}ember: {{.*}}.cut{{.*}}: damaged: {{.+$}}
// CUT-NOT: {{.}}
// RUN: sed 's/input x/input \x01/' %t.d/net.o > %t.bad.o && not ember inspect %t.bad.o 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: {{^}}ember: {{.*}}.bad.o: its record (section .note.ember) is no printable text

// What must not be replaced, and a linker that fails.
// RUN: not ember compile %s -o %t.d 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: {{^}}ember: {{.*}}.d: Is a directory
// RUN: not ember compile %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=DEVICE
// DEVICE: {{^}}ember: /dev/null: expected a file or nothing there, found a device or pipe
// RUN: test -c /dev/null
// RUN: printf '#!/bin/sh\necho no space left >&2\necho more >&2\nexit 1\n' > %t.d/bin/cc && chmod +x %t.d/bin/cc
// RUN: not env PATH=%t.d/bin:$PATH ember compile %s -o %t.d/failed.so 2>&1 | FileCheck %s --check-prefix=LINK
// LINK: {{^}}ember: linking: 'cc' failed: no space left{{$}}
// LINK-NOT: {{.}}

// Interrupted, the artifact is finished before the process ends; nothing else stays behind.
// RUN: printf '#!/bin/sh\nkill -TERM $PPID\nPATH=$(echo "$PATH" | cut -d: -f2-) exec cc "$@"\n' > %t.d/bin/cc
// RUN: env PATH=%t.d/bin:$PATH ember compile %s -o %t.d/late.so; test $? -eq 143
// RUN: ember inspect %t.d/late.so | FileCheck %s --check-prefix=LATE
// LATE: late: a model
// RUN: ls %t.d | FileCheck %s --check-prefix=LEFT
// LEFT: bin
// LEFT-NEXT: late.h
// LEFT-NEXT: late.so
// LEFT-NEXT: libnet.a
// LEFT-NEXT: libnet.h
// LEFT-NEXT: libnet.so
// LEFT-NEXT: net
// LEFT-NEXT: net.h
// LEFT-NEXT: net.o
// LEFT-NOT: {{.}}
func.func @main(%x: tensor<4x8xf32> {ember.name = "x"}, %w: tensor<8x16xf32> {ember.name = "w"})
    -> (tensor<4xf32> {ember.name = "y"}) {
  %0 = ember.matmul %x, %w : tensor<4x8xf32>, tensor<8x16xf32> -> tensor<4x16xf32>
  %1 = ember.relu %0 : tensor<4x16xf32>
  %2 = ember.sum %1 [1] : tensor<4x16xf32> -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
