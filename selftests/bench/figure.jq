# SPDX-License-Identifier: GPL-2.0

# Of a job of fio: what it measured, in the unit iops or mibs.
def figure(unit):
	[.read, .write]
	| if unit == "iops" then map(.iops) else map(.bw_bytes / 1048576) end
	| add;
