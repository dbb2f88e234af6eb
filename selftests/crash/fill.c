// SPDX-License-Identifier: GPL-2.0
/*
 * fill FILE SIZE LAYER PERCENT SEED
 *
 * Writes runs of sectors of this layer over about so much of a raw file of
 * SIZE bytes; between them it stays as it is.
 */
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sector.h"

#define RUN	(64 << 10)

static void fill_run(int fd, uint64_t pos, uint64_t len, uint64_t version)
{
	static unsigned char buffer[RUN];
	uint64_t i;

	for (i = 0; i < len; i += SECTOR_SIZE)
		sector_fill(buffer + i, (pos + i) / SECTOR_SIZE, version);
	if (pwrite(fd, buffer, len, pos) != (ssize_t)len)
		err(1, "write");
}

static uint64_t run_length(uint64_t pos, uint64_t size)
{
	uint64_t len = (1 + random() % (RUN / SECTOR_SIZE)) * SECTOR_SIZE;

	return len < size - pos ? len : size - pos;
}

int main(int argc, char **argv)
{
	uint64_t pos, len, size;
	int fd;

	if (argc != 6)
		errx(2, "usage: fill FILE SIZE LAYER PERCENT SEED");
	size = strtoull(argv[2], NULL, 0);
	srandom(atoi(argv[5]));
	fd = open(argv[1], O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, size))
		err(1, "%s", argv[1]);
	for (pos = 0; pos < size; pos += len) {
		len = run_length(pos, size);
		if (random() % 100 < atoi(argv[4]))
			fill_run(fd, pos, len, SECTOR_LAYER + atoi(argv[3]));
	}
	return close(fd) ? 1 : 0;
}
