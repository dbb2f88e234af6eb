#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module comes and goes, and its control device with it.

. "$(dirname "$0")/lib/test.sh"

unload_module
[ ! -e /dev/qcow-control ] || fail "a control device without the module"

for _ in 1 2 3; do
	load_module
	[ -c /dev/qcow-control ] || fail "no control device"
	unload_module
	[ ! -e /dev/qcow-control ] || fail "the control device stayed"
done

load_module
exec 3</dev/qcow-control
expect_fail 1 rmmod qcow
expect_says "in use"
exec 3<&-
dmesg_clean
