// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "error.h"
#include "output.h"

static int take_format(bool *json, const char *arg)
{
	*json = !strcmp(arg, "json");
	if (*json || !strcmp(arg, "human"))
		return 0;
	return fail(EXIT_USAGE, "--output: human or json, not \"%s\"", arg);
}

bool output_option(bool *json, int key, const char *arg, int *ret)
{
	*ret = 0;
	switch (key) {
	case 'J':
		*json = true;
		return true;
	case OUTPUT:
		*ret = take_format(json, arg);
		return true;
	default:
		return false;
	}
}
