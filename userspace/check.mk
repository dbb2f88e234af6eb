# SPDX-License-Identifier: GPL-2.0
# What check.h and repair.h need beside kmod/format, for those who link it.

CHECK_PARTS	:= census check copied lists lower refcounts repair shadow tables walk
