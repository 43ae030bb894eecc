// All of ember.
#pragma once

#include "ember/autograd.h"
#include "ember/data.h"
#include "ember/error.h"
#include "ember/functional.h"
#include "ember/jit.h"
#include "ember/nn.h"
#include "ember/optim.h"
#include "ember/random.h"
#include "ember/serialize.h"
#include "ember/tensor.h"
#include "ember/threads.h"
