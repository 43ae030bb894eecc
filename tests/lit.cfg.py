import os

import lit.formats

config.name = "ember"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(lit_config.params["build"], "tests")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(lit_config.params["build"], "bin"), "/usr/lib/llvm-22/bin", os.environ.get("PATH", "")])
# Kernels are compiled, not found: tests that mean the folder of compiled kernels name one.
config.environment["EMBER_CACHE_DIR"] = ""
config.excludes = ["Inputs"]
