// SPDX-License-Identifier: GPL-2.0
/* qcowctl check: is the metadata of an image consistent, and can it be mended? */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "claim.h"
#include "command.h"
#include "error.h"
#include "mend.h"
#include "output.h"
#include "probe.h"
#include "report.h"

/* The exit codes are those of "qemu-img check", whatever the rest has. */
enum {
	CHECK_CLEAN		= 0,
	CHECK_FAILED		= 1,
	CHECK_CORRUPT		= 2,
	CHECK_LEAKS		= 3,
	CHECK_UNSUPPORTED	= 63,
};

enum { MAX_LINES = 10000 };

static const struct option_row options[] = {
	{ 'f', "format", "FORMAT", "raw or qcow2; else name and content must agree" },
	{ 'r', "repair", "leaks|all", "mend leaked clusters, or all that can be" },
	JSON_ROW,
	OUTPUT_ROW,
	{ 'U', "force-share", NULL, "check it even while another process writes it" },
	PROGRESS_ROWS,
	{ 'q', "quiet", NULL, "print problems only" },
	{ 0 }
};

struct request {
	enum qcow_format format;
	struct mending how;
	bool json;
	bool share;
	bool quiet;
};

/* There is nothing in a line that an image could choose. */
static void say_problem(void *ctx, const char *line)
{
	static unsigned int lines;

	(void)ctx;
	if (lines++ < MAX_LINES)
		fprintf(stderr, "%s\n", line);
	else if (lines == MAX_LINES + 1)
		fputs("what more there is, is not listed\n", stderr);
}

static u64 fixed(u64 found, u64 left)
{
	return found > left ? found - left : 0;
}

/* A member that is 0 is not there. */
static void report_count(struct report *r, const char *key, u64 value)
{
	if (value)
		report_u64(r, key, value);
}

static void print_json(const struct image *img, const struct mended *o)
{
	const struct check_result *left = &o->left;
	struct report r = { .out = stdout, .json = true };

	report_open(&r, NULL);
	report_string(&r, "filename", img->file.path);
	report_string(&r, "format", format_name(img->format));
	report_u64(&r, "check-errors", left->check_errors);
	report_count(&r, "image-end-offset", left->image_end_offset);
	report_count(&r, "corruptions", left->corruptions);
	report_count(&r, "leaks", left->leaks);
	report_count(&r, "corruptions-fixed",
		     fixed(o->found.corruptions, left->corruptions));
	report_count(&r, "leaks-fixed", fixed(o->found.leaks, left->leaks));
	report_count(&r, "total-clusters", left->total_clusters);
	report_count(&r, "allocated-clusters", left->allocated_clusters);
	report_count(&r, "fragmented-clusters", left->fragmented_clusters);
	report_count(&r, "compressed-clusters", left->compressed_clusters);
	report_close(&r);
}

static double percent(u64 part, u64 whole)
{
	return whole ? 100.0 * part / whole : 0;
}

static void print_use(const struct check_result *r)
{
	printf("%llu of %llu clusters are allocated (%.2f%%), of these %.2f%% fragmented, %.2f%% compressed\n",
	       r->allocated_clusters, r->total_clusters,
	       percent(r->allocated_clusters, r->total_clusters),
	       percent(r->fragmented_clusters, r->allocated_clusters),
	       percent(r->compressed_clusters, r->allocated_clusters));
	printf("image end offset: %llu\n", r->image_end_offset);
}

static void print_human(const struct mended *o)
{
	const struct check_result *left = &o->left;
	u64 corruptions = fixed(o->found.corruptions, left->corruptions);
	u64 leaks = fixed(o->found.leaks, left->leaks);

	if (corruptions || leaks)
		printf("mended: %llu corruptions, %llu leaked clusters\n",
		       corruptions, leaks);
	if (left->corruptions)
		printf("%llu corruptions: data may be lost, or be lost by writing\n",
		       left->corruptions);
	if (left->leaks)
		printf("%llu leaked clusters: space is wasted, data is safe\n",
		       left->leaks);
	if (left->check_errors)
		printf("%llu clusters could not be checked\n",
		       left->check_errors);
	if (!left->corruptions && !left->leaks && !left->check_errors)
		puts("no errors");
	if (left->dirty)
		puts("marked as dirty: it was not closed");
	if (left->corrupt)
		puts("marked as corrupt");
	print_use(left);
}

static int verdict(const struct check_result *r)
{
	if (r->check_errors)
		return CHECK_FAILED;
	if (r->corruptions)
		return CHECK_CORRUPT;
	return r->leaks ? CHECK_LEAKS : CHECK_CLEAN;
}

static int check_file(const struct request *q, struct image *img,
		      struct mended *m)
{
	return mend(&img->file, &q->how, m) ? CHECK_FAILED : 0;
}

static int check_open(const struct request *q, struct image *img)
{
	struct mended m;
	int ret;

	if (img->format != QCOW_FORMAT_QCOW2)
		return fail(CHECK_UNSUPPORTED,
			    "%s is %s: there is nothing to check",
			    img->file.path, format_name(img->format));
	ret = check_file(q, img, &m);
	if (ret)
		return ret;
	if (q->json && !q->quiet)
		print_json(img, &m);
	else if (!q->quiet)
		print_human(&m);
	return verdict(&m.left);
}

/* What has no magic is no qcow2 image, whatever it is called. */
static int find_format(struct image *img)
{
	bool magic;
	int ret;

	ret = image_has_magic(&img->file, &magic);
	if (ret)
		return ret;
	if (magic)
		return probe_format(&img->file, &img->format);
	return fail(CHECK_UNSUPPORTED,
		    "%s has no qcow2 header: there is nothing to check",
		    img->file.path);
}

/* A header that cannot be understood is for the check to tell of. */
static int open_image(const struct request *q, struct image *img,
		      const char *path)
{
	int ret;

	*img = (struct image){ .file = FILE_CLOSED, .format = q->format };
	ret = file_open(&img->file, path, q->how.repair);
	if (!ret && !q->share)
		ret = claim_file(&img->file, CLAIM_DISK);
	if (!ret && !img->format)
		ret = find_format(img);
	if (ret == CHECK_UNSUPPORTED)
		return ret;
	return ret ? CHECK_FAILED : 0;
}

static int check(const struct request *q, const char *path)
{
	struct image img;
	int ret;

	ret = open_image(q, &img, path) ?: check_open(q, &img);
	image_close(&img);
	return ret;
}

static int take_repair(struct request *q, const char *arg)
{
	q->how.repair = true;
	if (!strcmp(arg, "leaks"))
		q->how.mode = REPAIR_LEAKS;
	else if (!strcmp(arg, "all"))
		q->how.mode = REPAIR_ALL;
	else
		return fail(EXIT_USAGE, "-r: leaks or all, not \"%s\"", arg);
	return 0;
}

static int take(void *into, int key, char *arg)
{
	struct request *q = into;
	int ret;

	if (output_option(&q->json, key, arg, &ret))
		return ret;
	switch (key) {
	case 'f':
		return format_option("-f", arg, &q->format);
	case 'r':
		return take_repair(q, arg);
	case 'U':
		q->share = true;
		return 0;
	default:
		progress_option(&q->how.progress, key);
		q->quiet |= key == 'q';
		return 0;
	}
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct request q = { .how.report = say_problem };
	int ret;

	ret = options_parse(cmd, argc, argv, take, &q);
	if (ret)
		return ret;
	if (argc - optind != 1)
		return command_usage_error(cmd, "one image is wanted");
	if (q.how.repair && q.share)
		return command_usage_error(cmd, "-r and -U do not go together");
	return check(&q, argv[optind]);
}

const struct command check_command = {
	.name = "check",
	.args = "IMAGE",
	.summary = "Hold the metadata of an image against itself, and mend it",
	.options = options,
	.failed = CHECK_FAILED,
	.run = run,
};
