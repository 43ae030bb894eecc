// A compiler that is killed leaves the old artifact, the new one or none; what else it left goes with the next one.
// RUN: rm -rf %t.d && mkdir -p %t.d/bin %t.d/out %t.d/tmp
// RUN: printf '#!/bin/sh\nkill -KILL $PPID\nexit 1\n' > %t.d/bin/cc && chmod +x %t.d/bin/cc
// RUN: env TMPDIR=%t.d/tmp ember compile %S/Inputs/layer.mlir -o %t.d/out/net.so && cp %t.d/out/net.so %t.d/old.so

// While it links: the old one is there, and what is put together lies elsewhere.
// RUN: env TMPDIR=%t.d/tmp PATH=%t.d/bin:$PATH ember compile %s -o %t.d/out/net.so; test $? -eq 137
// RUN: cmp %t.d/old.so %t.d/out/net.so
// RUN: ls %t.d/out | FileCheck %s --check-prefix=OUT
// RUN: ls %t.d/tmp | FileCheck %s --check-prefix=TMP
// TMP: ember-link-{{......$}}
// TMP-NOT: {{.}}

// What was written aside, left by a process that was killed between naming and renaming it; not what another file is called.
// RUN: touch %t.d/out/net.so.12345.tmp %t.d/out/net.so.x.tmp
// RUN: env TMPDIR=%t.d/tmp ember compile %s -o %t.d/out/net.so && cp %t.d/out/net.so %t.d/new.so
// RUN: rm %t.d/out/net.so.x.tmp
// RUN: ls %t.d/out | FileCheck %s --check-prefix=OUT
// OUT: net.h
// OUT-NEXT: net.so
// OUT-NOT: {{.}}
// RUN: test -z "$(ls %t.d/tmp)"

// At any moment.
// RUN: for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do \
// RUN:   cp %t.d/old.so %t.d/out/net.so; \
// RUN:   env TMPDIR=%t.d/tmp timeout -s KILL 0.$(printf '%%03d' $((i * 9))) ember compile %s -o %t.d/out/net.so; \
// RUN:   cmp -s %t.d/old.so %t.d/out/net.so || cmp %t.d/new.so %t.d/out/net.so || exit 1; \
// RUN: done
// A linker that outlived its compiler is waited for: what it works on is not removed under it.
// RUN: for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do \
// RUN:   env TMPDIR=%t.d/tmp ember compile %s -o %t.d/out/net.so && cmp %t.d/new.so %t.d/out/net.so || exit 1; \
// RUN:   test -z "$(ls %t.d/tmp)" && break; sleep 0.1; \
// RUN: done
// RUN: ls %t.d/out | FileCheck %s --check-prefix=OUT
// RUN: test -z "$(ls %t.d/tmp)"

// RUN: not env TMPDIR=%t.d/none ember compile %s -o %t.d/out/net.so 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: {{^}}ember: {{.*}}.d/none: no folder for temporary files (TMPDIR) can be made there: No such file or directory{{$}}
// NONE-NOT: {{.}}
// RUN: mkdir %t.d/taken.h && not ember compile %s -o %t.d/taken.so 2>&1 | FileCheck %s --check-prefix=HEADER
// HEADER: {{^}}ember: {{.*}}.d/taken.h: Is a directory{{$}}
// RUN: test ! -e %t.d/taken.so
func.func @main(%x: tensor<4xf32> {ember.name = "x"}) -> (tensor<4xf32> {ember.name = "y"}) {
  %0 = ember.relu %x : tensor<4xf32>
  return %0 : tensor<4xf32>
}
