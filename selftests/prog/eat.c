// SPDX-License-Identifier: GPL-2.0
/*
 * eat MIB ROUNDS
 *
 * Fills that much memory, and looks again and again whether all of it is
 * still what it was: with less than that to live on, by way of the swap.
 */
#include <err.h>
#include <stdint.h>
#include <stdlib.h>

#define PAGE	(4096 / sizeof(uint64_t))

int main(int argc, char **argv)
{
	size_t pages, page;
	uint64_t *memory;
	int round;

	if (argc != 3)
		errx(2, "usage: eat MIB ROUNDS");
	pages = strtoul(argv[1], NULL, 0) << 8;
	memory = malloc(pages * 4096);
	if (!memory)
		err(2, "memory");
	for (page = 0; page < pages; page++)
		memory[page * PAGE] = ~page;
	for (round = 0; round < atoi(argv[2]); round++)
		for (page = 0; page < pages; page++)
			if (memory[page * PAGE]-- != ~page - round)
				errx(1, "page %zu, round %d: %#jx", page, round,
				     (uintmax_t)memory[page * PAGE]);
	return 0;
}
