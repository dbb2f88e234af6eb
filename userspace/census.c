// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "census.h"

/* From here on fresh pages cost less than to clear the old ones. */
#define CLEAR_AT_MOST	(1ULL << 20)

int census_begin(struct census *c, u64 clusters, u64 max)
{
	u64 cells = clusters + 1;

	c->nr = clusters;
	c->max = max < CENSUS_COUNT ? (u32)max : CENSUS_COUNT;
	if (cells <= c->room && cells <= CLEAR_AT_MOST) {
		memset(c->cells, 0, cells * sizeof(*c->cells));
		return 0;
	}
	census_free(c);
	c->nr = clusters;
	c->cells = calloc(cells, sizeof(*c->cells));
	if (!c->cells)
		return -ENOMEM;
	c->room = cells;
	return 0;
}

int census_grow(struct census *c, u64 nr)
{
	u64 room = nr + nr / 8 + 1;
	u32 *cells;

	if (nr > c->room) {
		cells = reallocarray(c->cells, room, sizeof(*cells));
		if (!cells)
			return -ENOMEM;
		memset(cells + c->room, 0, (room - c->room) * sizeof(*cells));
		c->cells = cells;
		c->room = room;
	}
	if (nr > c->nr)
		c->nr = nr;
	return 0;
}

void census_free(struct census *c)
{
	free(c->cells);
	c->cells = NULL;
	c->room = 0;
	c->nr = 0;
}
