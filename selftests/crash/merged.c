// SPDX-License-Identifier: GPL-2.0
/*
 * merged [options] IMAGE RECORD
 *
 * Walks a record of what was done to an image and its backing file by commit,
 * or to an image alone by rebase, and holds every state that a power cut could
 * have left of both against this: the image shows the disk that it showed at
 * first, and when the command has ended, so does its backing file, or the image
 * over its new one.  IMAGE is as it was before the record.
 *
 * Exit status: 0, 1 where it could not be done, 2 for a broken promise.
 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "cut.h"
#include "pair.h"
#include "report.h"

#define FEW	8	/* states that say a bit */

static const char usage[] =
	"usage: merged [options] IMAGE RECORD\n"
	"  --content FILE    what the disk reads, raw\n"
	"  --under FILE      what shows through at first, raw\n"
	"  --base FILE       the backing file, which commit writes to\n"
	"  --raw             it is a raw one\n"
	"  --snapshot FILE   what its snapshot holds, raw\n"
	"  --next FILE       what shows through after rebase, raw...\n"
	"  --name NAME       ...under this name\n"
	"  --inodes A,B      of IMAGE and of the backing file, in the record\n"
	"  --final FILE      the image file in the end\n"
	"  --final-base FILE\n"
	"  --states N        states to look at, about (4000)\n"
	"  --seed N\n"
	"  --sample N        show so many of them to qemu-img...\n"
	"  --as FOLDER       ...in this folder, which has all other files\n"
	"  --deaf            as if no sync had come to the disk\n";

static struct options {
	const char *content, *under, *base, *snapshot, *next, *inodes;
	const char *final, *final_base, *as;
	u64 states, seed, samples;
	bool deaf;
} options = { .states = 4000, .seed = 1 };

static struct pair pair;
static struct pending pending = {
	.media = pair.media, .nr_media = PAIR_MEDIA,
};
static struct record_file record;
static struct cut cut;
static u32 inodes[2];
static u64 asked, until_sample;
static struct part {
	const char *name;
	u64 cuts, states;
} parts[] = { { "data" }, { "end" } }, *part = parts;

/* --- States --- */

static int run(const char *format, const char *a, const char *b)
{
	char *command;
	int status;

	if (asprintf(&command, format, a, b) < 0)
		err(1, "command");
	status = system(command);
	free(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* QEMU finds all other files beside it; $BOTH is selftests/lib/both. */
static void sample(void)
{
	int status;

	pair_save(&pair, options.as);
	asked++;
	status = run("cd '%s' && $BOTH qemu-img check -q -f qcow2 image.qcow2 >said 2>&1",
		     options.as, NULL);
	if (status && status != 3)
		report_problem(PROMISE_METADATA, "qemu-img check: %d", status);
	status = run("$BOTH qemu-img compare -q -f raw -F qcow2 '%s' '%s/image.qcow2'",
		     options.content, options.as);
	if (status)
		report_problem(PROMISE_CONTENT, "qemu-img compare: %d",
			       status);
}

static bool want_sample(void)
{
	if (asked >= options.samples || until_sample--)
		return false;
	until_sample = options.states / options.samples;
	return true;
}

static void describe(void *ctx)
{
	printf("# state %llu at byte %zu, of the %s: %s of %zu operations\n",
	       report.states, record.next, part->name, cut.kind,
	       pending.count);
}

static void check_state(void *ctx)
{
	pair_judge(&pair);
	if (want_sample())
		sample();
	report_state();
}

static void cut_power(void)
{
	part->states += cut_here(&cut);
	part->cuts++;
}

/* --- The record --- */

static bool is_instant(const struct record *head)
{
	return head->type == RECORD_STEP || head->type == RECORD_CHANGE_END ||
	       (head->type == RECORD_END &&
		pending_is_sync(&pending, head->id));
}

static u64 instants(void)
{
	struct record_file copy = record;
	struct record head;
	const u8 *data;
	u64 n = 1;

	while (record_next(&copy, &head, &data))
		n += head.type == RECORD_SYNC || is_instant(&head);
	return n;
}

static u32 file_of(const struct record *head)
{
	if (options.deaf && head->type == RECORD_SYNC)
		return PAIR_NOWHERE;
	if (head->arg == inodes[0] && !head->file)
		return PAIR_IMAGE;
	if (head->arg == inodes[1] && !head->file)
		return PAIR_BASE;
	errx(1, "record: an operation on inode %u", head->arg);
}

static void begin(struct record head, const u8 *data)
{
	head.file = file_of(&head);
	if (pending_begin(&pending, &head, data))
		errx(1, "record: %#llx+%#llx of file %u while another of these bytes is under way",
		     head.pos, head.len, head.file);
}

static void play(const struct record *head, const u8 *data)
{
	if (is_instant(head))
		cut_power();
	switch (head->type) {
	case RECORD_END:
		return pending_end(&pending, head);
	case RECORD_WRITE:
	case RECORD_EXTEND:
	case RECORD_PUNCH:
	case RECORD_TRUNCATE:
	case RECORD_SYNC:
		return begin(*head, data);
	}
}

/* Whoever detaches in peace leaves nothing behind. */
static void play_end(void)
{
	part = &parts[1];
	pair.done = true;
	cut_power();
	cut.kind = "ended";
	cut_none(&cut);
	pair_judge(&pair);
	if (pair_leaks(&pair))
		report_problem(PROMISE_METADATA, "%llu clusters have leaked",
			       pair_leaks(&pair));
	report_state();
	if (options.final)
		medium_compare(&pair.media[PAIR_IMAGE], options.final);
	if (options.final_base)
		medium_compare(&pair.media[PAIR_BASE], options.final_base);
}

/* --- Beginning and end --- */

static const struct option long_options[] = {
	{ "content",    required_argument, NULL, 'c' },
	{ "under",      required_argument, NULL, 'u' },
	{ "base",       required_argument, NULL, 'b' },
	{ "snapshot",   required_argument, NULL, 's' },
	{ "next",       required_argument, NULL, 'n' },
	{ "name",       required_argument, NULL, 'm' },
	{ "inodes",     required_argument, NULL, 'i' },
	{ "final",      required_argument, NULL, 'f' },
	{ "final-base", required_argument, NULL, 'F' },
	{ "as",         required_argument, NULL, 'a' },
	{ "states",     required_argument, NULL, 'N' },
	{ "seed",       required_argument, NULL, 'R' },
	{ "sample",     required_argument, NULL, 'S' },
	{ "raw",        no_argument,       NULL, 'r' },
	{ "deaf",       no_argument,       NULL, 'd' },
	{ },
};

static const char **const strings[] = {
	['c'] = &options.content,  ['u'] = &options.under,
	['b'] = &options.base,     ['s'] = &options.snapshot,
	['n'] = &options.next,     ['m'] = &pair.next_name,
	['i'] = &options.inodes,   ['f'] = &options.final,
	['F'] = &options.final_base, ['a'] = &options.as,
};

static u64 *const numbers[] = {
	['N'] = &options.states, ['R'] = &options.seed,
	['S'] = &options.samples,
};

static void bad_usage(void)
{
	fputs(usage, stderr);
	exit(1);
}

static void take_option(int c)
{
	if (c == 'r')
		pair.raw = true;
	else if (c == 'd')
		options.deaf = true;
	else if (c < ARRAY_SIZE(strings) && strings[c])
		*strings[c] = optarg;
	else if (c < ARRAY_SIZE(numbers) && numbers[c])
		*numbers[c] = strtoull(optarg, NULL, 0);
	else
		bad_usage();
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(c);
	if (argc - optind != 2 || !options.content || !options.inodes ||
	    !options.base != !!pair.next_name ||
	    !options.samples != !options.as ||
	    sscanf(options.inodes, "%u,%u", &inodes[0], &inodes[1]) < 1)
		bad_usage();
}

/* By the numbers of the files here, which those of the record become. */
static void find_reach(u64 *reach)
{
	struct record_file copy = record;
	struct record head;
	const u8 *data;
	u64 end;
	u32 file;

	while (record_next(&copy, &head, &data)) {
		if (head.type > RECORD_TRUNCATE)
			continue;
		file = file_of(&head);
		end = head.pos + head.len;
		reach[file] = reach[file] < end ? end : reach[file];
	}
}

static void load(const char *image, const char *path)
{
	u64 reach[PAIR_MEDIA] = { 0 };

	record_open(&record, path);
	pair.has_base = options.base;
	pair.content = span_load(options.content);
	if (options.under)
		pair.under = span_load(options.under);
	if (options.next)
		pair.next = span_load(options.next);
	find_reach(reach);
	pair_load(&pair, image, options.base, reach, options.snapshot);
}

static void look_first(void)
{
	cut.kind = "before it began";
	report.state = describe;
	check_state(NULL);
	if (report.bad_states)
		errx(1, "wrong from the start");
}

static void summary(void)
{
	const char *what = pair.has_base ? "commit" : "rebase";
	int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].cuts)
			printf("%s, %s: %llu cuts, %llu states\n", what,
			       parts[i].name, parts[i].cuts, parts[i].states);
	printf("qemu-img: %llu asked\n", asked);
	for (i = 0; i < NR_PROMISES; i++)
		printf("%s: %llu violations\n", promise_names[i],
		       report.violations[i]);
	printf("states: %llu, %llu bad\n", report.states, report.bad_states);
}

int main(int argc, char **argv)
{
	struct record head;
	const u8 *data;

	parse(argc, argv);
	load(argv[optind], argv[optind + 1]);
	cut.pending = &pending;
	cut.check = check_state;
	cut.rng = options.seed * 0x9e3779b97f4a7c15ULL | 1;
	cut.budget = options.states / instants();
	if (cut.budget < FEW)
		cut.budget = FEW;
	look_first();
	while (record_next(&record, &head, &data))
		play(&head, data);
	cut_power();
	play_end();
	summary();
	return report.bad_states ? 2 : 0;
}
