/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kmod/format needs of the kernel, and a replacement for it on the host.
 *
 * The format code is pure: it turns bytes into structs, and does not allocate,
 * do I/O, lock or log.  The same sources are built into the module, into
 * qcowctl, into the unit tests and into the fuzzers.  Only this header knows
 * for which of them it is compiled.
 */
#ifndef QCOW_FORMAT_PORT_H
#define QCOW_FORMAT_PORT_H

#ifdef __KERNEL__

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#else

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * The same types as in the kernel, so that one format string prints them
 * everywhere.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef u16 __be16;
typedef u32 __be32;
typedef u64 __be64;
#define __bitwise
#define __force

#define be16_to_cpu(x)	be16toh(x)
#define be32_to_cpu(x)	be32toh(x)
#define be64_to_cpu(x)	((u64)be64toh(x))
#define cpu_to_be16(x)	htobe16(x)
#define cpu_to_be32(x)	htobe32(x)
#define cpu_to_be64(x)	((u64)htobe64(x))

#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define check_mul_overflow(a, b, d)	__builtin_mul_overflow(a, b, d)

#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define __packed		__attribute__((packed))
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define likely(x)		__builtin_expect(!!(x), 1)

#endif /* __KERNEL__ */

#endif /* QCOW_FORMAT_PORT_H */
