// SPDX-License-Identifier: GPL-2.0
/* Define the tracepoints of trace.h. */
#define CREATE_TRACE_POINTS
#include "block/trace.h"
