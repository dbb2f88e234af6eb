// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <sys/stat.h>

#include "backing.h"
#include "claim.h"
#include "error.h"

static int check_other_file(const struct file *backing, const char *path)
{
	struct file image = FILE_CLOSED;

	if (stat(path, &image.st) || !file_same(backing, &image))
		return 0;
	return fail(EXIT_IMAGE, "%s cannot back itself", path);
}

int backing_look(const struct newimage *n, const char *path, u64 *size)
{
	struct chain_options o = { .format = format_parse(n->backing_format) };
	struct chain c = { .nr = 0 };
	char *name;
	int ret;

	ret = chain_resolve(path, "backing file", n->backing, &name);
	if (ret)
		return ret;
	ret = chain_open(&c, name, &o) ?: claim_chain(&c, CLAIM_LOOK) ?:
	      check_other_file(&c.layers[0]->image.file, path);
	if (!ret)
		*size = c.layers[0]->image.size;
	chain_close(&c);
	free(name);
	return ret;
}
