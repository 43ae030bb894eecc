// Neural-network modules, losses and initialisers.
#pragma once

#include "ember/nn/init.h"
#include "ember/nn/layers.h"
#include "ember/nn/module.h"
