# SPDX-License-Identifier: GPL-2.0
#
# The project's front door; `make help` tells what there is.  The module is
# built below build/KVER, in a tree of links to the sources, so that the
# objects of several kernels lie side by side.

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

# The kernel: KDIR= names a build folder, KVER= an installed kernel.  Without
# them it is the running one if its headers are here, else the newest.
built	:= $(shell ls -d /lib/modules/*/build/Makefile 2>/dev/null | sort -V)
# ...but not the one that the tests build for themselves.
kernels	:= $(filter-out %-qcow-debug,$(patsubst /lib/modules/%/build/Makefile,%,$(built)))
running	:= $(shell uname -r)
ifdef KDIR
KVER	?= $(shell cat $(KDIR)/include/config/kernel.release)
else
KVER	?= $(if $(filter $(running),$(kernels)),$(running),$(lastword $(kernels)))
endif
BUILD	?= build
headers	= $(or $(KDIR),/lib/modules/$*/build)

DESTDIR	?=
PREFIX	?= /usr
MODDIR	?= /lib/modules/$(KVER)/extra

all: module qcowctl

help:
	@echo 'make [KVER=NAME|KDIR=DIR]  qcow.ko for one kernel, userspace/qcowctl'
	@echo 'make modules               build/NAME/qcow.ko for each kernel here'
	@echo 'make install               both, into the system (DESTDIR=, PREFIX=)'
	@echo '    MODULE_SIGN_KEY= MODULE_SIGN_CERT=   and the module signed'
	@echo 'make uninstall             takes them away'
	@echo 'make dkms-install          both; the module is rebuilt with each kernel'
	@echo 'make dkms-uninstall        takes them away'
	@echo 'make demo [IMAGE=FILE]     show the main job, in a VM'
	@echo 'make shell                 a shell in a VM with the module loaded'
	@echo 'make check                 all tests'
	@echo 'make check-long            those of writing, for hours'
	@echo 'make check-debug [TESTS=]  all tests under KASAN and lockdep'
	@echo 'make check-crash           cut the power at every instant; with'
	@echo 'make check-logwrites       cuts of the log of what reached a disk'
	@echo 'make check-merge           ...while images are merged and rebased'
	@echo 'make check-plug            and the plug of a VM pulled'
	@echo 'make check-dkms            installation, with kernels that come and go'
	@echo 'make check-secure-boot     in a VM that loads only signed modules'
	@echo 'make check-stack           how deep stacks go, pile by pile'
	@echo 'make style                 sparse, checkpatch, shellcheck, storeys'
	@echo 'make fuzz                  fuzz the format code for a long time'
	@echo 'make bench                 measure against the peers'
	@echo 'make bench-convert         qcowctl convert against qemu-img convert'
	@echo 'make clean'

# The copy at the top is of the kernel that was asked for last.
module: | need-kernel
	@$(MAKE) --no-print-directory $(BUILD)/$(KVER)/qcow.ko
	@cmp -s $(BUILD)/$(KVER)/qcow.ko qcow.ko || cp $(BUILD)/$(KVER)/qcow.ko .

modules: $(patsubst %,$(BUILD)/%/qcow.ko,$(or $(kernels),need-kernel))

need-kernel:
	@test -n "$(KVER)" || { echo 'no kernel headers in /lib/modules:' \
		'selftests/vm/install-packages installs them' >&2; exit 1; }

# The links are made anew each time, as files come and go; kbuild follows
# them and rebuilds what changed.
$(BUILD)/%/qcow.ko: FORCE
	+@mkdir -p $(BUILD)/$*
	+@flock $(BUILD)/$*/.lock sh -ec ' \
		find $(BUILD)/$* -type l -delete; \
		cp -rs $(addprefix $(CURDIR)/,Kbuild dkms.conf kmod include) $(BUILD)/$*; \
		$(MAKE) -C $(headers) M=$(CURDIR)/$(BUILD)/$* modules'

qcowctl:
	@$(MAKE) --no-print-directory -C userspace

# The module is installed without its debug information, which makes it many
# times as large.  The signature is of what is left, and so comes last; it is
# made with the hash that the kernel uses itself.
STRIP	?= strip
MODULE_SIGN_KEY	?=
MODULE_SIGN_CERT ?=
kdir	= $(or $(KDIR),/lib/modules/$(KVER)/build)
hash	= $(shell sed -n 's/^CONFIG_MODULE_SIG_HASH="*\([^"]*\)"*$$/\1/p' \
		$(kdir)/include/config/auto.conf)
sign	= $(kdir)/scripts/sign-file $(hash) '$(MODULE_SIGN_KEY)' '$(MODULE_SIGN_CERT)'

install: all
	install -D -m 644 qcow.ko $(DESTDIR)$(MODDIR)/qcow.ko
	$(STRIP) --strip-debug $(DESTDIR)$(MODDIR)/qcow.ko
	$(if $(MODULE_SIGN_KEY)$(MODULE_SIGN_CERT),$(sign) $(DESTDIR)$(MODDIR)/qcow.ko)
	$(if $(DESTDIR),,depmod -a $(KVER))
	$(MAKE) -C userspace install

uninstall:
	rm -f $(DESTDIR)$(MODDIR)/qcow.ko
	$(if $(DESTDIR),,depmod -a $(KVER))
	$(MAKE) -C userspace uninstall

DKMS	?= dkms
DKMSDIR	?= /usr/src/qcow-$(VERSION)

dkms-install: dkms-remove qcowctl | need-kernel
	install -d $(DKMSDIR)
	cp -r Kbuild Makefile dkms.conf COPYING kmod include $(DKMSDIR)
	$(DKMS) add qcow/$(VERSION)
	for kernel in $(kernels); do \
		$(DKMS) install qcow/$(VERSION) -k $$kernel || exit; \
	done
	$(MAKE) -C userspace install

dkms-uninstall: dkms-remove
	$(MAKE) -C userspace uninstall

# Whichever versions there are.
dkms-remove:
	@command -v $(firstword $(DKMS)) >/dev/null || \
		{ echo 'dkms is missing: apt install dkms' >&2; exit 1; }
	@for version in $$($(DKMS) status | sed -n 's|^qcow/\([^,:]*\)[,:].*|\1|p' | sort -u); do \
		$(DKMS) remove qcow/$$version --all || exit; \
		rm -rf /usr/src/qcow-$$version; \
	done
	rm -rf $(DKMSDIR)

check:
	@selftests/run

check-long:
	@LONG=y VM_TIMEOUT=20000 selftests/run test_write.sh test_race.sh \
		test_write_fs.sh test_write_errors.sh test_memory.sh test_big.sh \
		test_storm.sh test_tutorial.sh test_clones.sh test_fuzz.sh

# Under KASAN, lockdep and the like; the kernel is built first, once.  It looks
# for leaks where devices and images come and go and where memory is refused.
leak_tests := $(foreach t,faults fuzz hostile live refuse snapshot teardown,\
		selftests/test_$t.sh)

check-debug:
	@kernel=$$(selftests/debug-kernel/build) || exit; \
	run() { VM_TIMEOUT=36000 SLOW=5 selftests/run --kernel "$$kernel" "$$@"; }; \
	$(if $(TESTS),run $(TESTS),rc=0; \
	run $(filter-out $(leak_tests),$(wildcard selftests/test_*.sh)) || rc=1; \
	LEAKS=y run $(leak_tests) || rc=1; exit $$rc)

# The real stack below: built first, as they boot VMs by themselves.
check-plug check-logwrites check-merge: check-%: crash-programs
	@selftests/crash/$*

crash-programs: modules qcowctl
	@$(MAKE) --no-print-directory -s -C selftests/prog

# The order of the driver's own writes, with the rules whole and with each of
# them broken; what reaches the disk below a file system; and the machine.
check-crash: crash-programs
	@rc=0; selftests/crash/run || rc=1; \
	selftests/crash/run --broken || rc=1; \
	selftests/crash/logwrites || rc=1; \
	selftests/crash/merge || rc=1; \
	selftests/crash/plug || rc=1; exit $$rc

# In a copy of the tree of the newest kernel, which nothing else sees.
check-dkms:
	@selftests/dkms

check-secure-boot:
	@selftests/secure-boot

# How much of the kernel's stack piles of file systems and devices use.
check-stack:
	@selftests/stack/run

demo:
	@selftests/demo.sh $(IMAGE)

shell:
	@selftests/vm/shell

style:
	@selftests/style

fuzz:
	@$(MAKE) --no-print-directory -C selftests/fuzz fuzz

bench:
	@selftests/bench/run

bench-convert:
	@selftests/bench/convert

clean:
	rm -rf build qcow.ko
	$(MAKE) -C userspace clean

FORCE:

.PHONY: all help module modules need-kernel qcowctl install uninstall \
	dkms-install dkms-uninstall dkms-remove check check-long check-debug \
	check-plug check-logwrites crash-programs check-crash check-stack check-dkms \
	check-secure-boot demo shell style fuzz bench bench-convert clean FORCE

export DESTDIR PREFIX
