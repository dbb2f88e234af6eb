// SPDX-License-Identifier: GPL-2.0
/*
 * spoil list:			the kinds of damage, and which can be mended
 * spoil KIND SEED FROM TO:	a copy of an image with that damage; exits
 *				with 3 where FROM has nothing to damage so
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "damage.h"

static int list(void)
{
	const struct damage *d;

	for (d = damages; d->name; d++)
		printf("%s %s\n", d->name, d->mendable ? "mendable" : "lasting");
	return 0;
}

int main(int argc, char **argv)
{
	const struct damage *d;
	struct memory m;
	bool done;

	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	if (argc != 5)
		errx(1, "usage: spoil KIND SEED FROM TO");
	d = damage_find(argv[1]);
	if (!d)
		errx(1, "no such damage: %s", argv[1]);
	memory_load(&m, argv[3]);
	done = damage_apply(&m, d, strtoull(argv[2], NULL, 10));
	if (done)
		memory_save(&m, argv[4]);
	memory_free(&m);
	return done ? 0 : 3;
}
