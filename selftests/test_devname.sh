#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The control device is there before the module, and to open it loads the
# module: by what depmod(8) finds in the module alone.

. "$(dirname "$0")/lib/test.sh"

# A folder of this module and those that it needs, in place of the kernel's:
# to look through all of them takes minutes here.
install_module()
{
	local library modules

	modules=/lib/modules/$(uname -r)
	mkdir "$T/modules"
	touch "$T"/modules/modules.{order,builtin,builtin.modinfo}
	cp "$KMOD" "$T/modules"
	for library in $(modinfo -F depends "$KMOD" | tr , ' '); do
		cp "$(modinfo -n "$library")" "$T/modules"
	done
	mount --bind "$T/modules" "$modules"
	defer umount -l "$modules"	# udevd has its lists open
	depmod
}

# As a system does it when it starts: kmod prints lines for systemd-tmpfiles.
make_node()
{
	local line type path mode number

	line=$(kmod static-nodes --format=tmpfiles | grep qcow) ||
		fail "depmod found no node"
	read -r type path mode _ _ _ number <<<"$line"
	expect_equal "the node" "c! /dev/qcow-control 0600" "$type $path $mode"
	mknod -m "$mode" "$path" c "${number%:*}" "${number#*:}"
	defer rm "$path"
}

not_loaded()
{
	! is_loaded || fail "$1 loaded the module"
}

unload_module
install_module
make_node
defer unload_module
truncate -s 1M "$T/disk.raw"

"$QCOWCTL" info "$T/disk.raw" >/dev/null
not_loaded "info"
expect_fail 2 setpriv --reuid 65534 --clear-groups "$QCOWCTL" attach -r \
	-f raw "$T/disk.raw"
not_loaded "a user without rights"

attach "$T/disk.raw"
expect_equal "the node" "$(stat -c '%Hr:%Lr' /dev/qcow-control)" \
	"$(cat /sys/class/misc/qcow-control/dev)"
detach
unload_module
[ -c /dev/qcow-control ] || fail "the node went with the module"
attach "$T/disk.raw"
detach

# A node that leads to somebody else.
mv /dev/qcow-control "$T"
defer mv "$T/qcow-control" /dev
mknod /dev/qcow-control c 1 3
defer rm /dev/qcow-control
expect_fail 4 "$QCOWCTL" attach "$T/disk.raw"
expect_says "leads to another driver"
dmesg_clean
