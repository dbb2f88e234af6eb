// SPDX-License-Identifier: GPL-2.0
/*
 * replay [options] IMAGE RECORD
 *
 * Walks a record of what the driver did to an image, cuts the power at each
 * end of a sync, after each promise to the guest and at each step of the
 * protocol, and holds every state that the image may then be in against what
 * was promised.  IMAGE is as it was before the record.
 *
 * Exit status: 0, 1 where it could not be done, 2 for a broken promise.
 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cut.h"
#include "report.h"
#include "verdict.h"

#define MAX_STEPS	16
#define STEP_SHADOW	11	/* and what follows: of structural changes */

static const char usage[] =
	"usage: replay [options] IMAGE RECORD\n"
	"  --content FILE    what the disk read before, raw\n"
	"  --backing FILE    what shows through, raw\n"
	"  --snapshot FILE   what the next snapshot holds, raw; repeatable\n"
	"  --data FILE       the external data file\n"
	"  --versions FILE   what the load counted; with --content a must\n"
	"  --final FILE      the image file in the end\n"
	"  --final-data FILE\n"
	"  --unfinished      the load has failed: stop where the driver did\n"
	"  --copied          flags that were wrong from the start are not counted\n"
	"  --largest BYTES   the disk may become\n"
	"  --states N        states to look at, about (20000)\n"
	"  --seed N\n"
	"  --sample N        show so many of them to qemu-img check...\n"
	"  --as FILE         ...in this file\n"
	"  --stop            at the first bad state, leave it in the sample's FILE\n";

static struct options {
	const char *image, *record, *content, *backing, *data, *versions;
	const char *final[2];
	const char *snapshots[MAX_SNAPSHOTS];
	unsigned int nr_snapshots;
	const char *sample;
	u64 samples, states, seed, largest;
	bool stop, unfinished;
} options = { .states = 20000, .seed = 1 };

/* Of structural changes. */
static const char *const change_names[] = {
	[RECORD_CHANGE_CREATE] = "create", [RECORD_CHANGE_APPLY] = "apply",
	[RECORD_CHANGE_DELETE] = "delete", [RECORD_CHANGE_RESIZE] = "grow",
	[RECORD_CHANGE_EMPTY] = "empty", "shrink",
};

#define NR_CHANGES	ARRAY_SIZE(change_names)

static struct medium media[2];
static struct verdict verdict = { .image.medium = media };
static struct pending pending = {
	.media = media, .nr_media = ARRAY_SIZE(media),
};
static struct record_file record;
static struct cut cut;
static u64 weight[MAX_STEPS];	/* of the cuts to come, in light ones */
static u32 step;
static u64 cuts[MAX_STEPS], states[MAX_STEPS];
static u64 asked, until_sample, overlaps;
static struct change {
	u64 done, refused;
	u64 cuts[MAX_STEPS], states[MAX_STEPS];
} changes[NR_CHANGES];
static struct change *change;	/* the last one */

/* --- The opinion of both QEMUs: $BOTH is selftests/lib/both --- */

static int qemu_img_says(const char *path)
{
	char *command;
	int status;

	if (asprintf(&command, "$BOTH qemu-img check -q -f qcow2 '%s' >/dev/null 2>&1",
		     path) < 0)
		err(1, "command");
	status = system(command);
	free(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int we_say(void)
{
	const struct metadata *md = &verdict.shown->metadata;

	if (md->err || md->result.check_errors)
		return 1;
	if (md->result.corruptions)
		return 2;
	return md->result.leaks ? 3 : 0;
}

static void sample(void)
{
	int theirs;

	medium_save(&verdict.image.medium[0], options.sample);
	theirs = qemu_img_says(options.sample);
	asked++;
	if (theirs != we_say())
		report_problem(PROMISE_METADATA,
			       "qemu-img check exits %d, ours %d", theirs,
			       we_say());
}

/* --- States --- */

static const char *const type_names[] = {
	[RECORD_WRITE] = "write", [RECORD_EXTEND] = "extend",
	[RECORD_PUNCH] = "punch", [RECORD_TRUNCATE] = "truncate",
};

static void describe(void *ctx)
{
	static const char *const modes[] = { "absent", "there", "torn" };
	const struct op *op;
	size_t i;

	printf("# state %llu at byte %zu, step %u: %s of %zu operations\n",
	       report.states, record.next, step, cut.kind, pending.count);
	for (i = 0; i < pending.count && i < 40; i++) {
		op = &pending.ops[i];
		printf("#     %s %s %u:%#llx+%#llx%s%s\n", modes[op->mode],
		       type_names[op->head.type], op->head.file, op->head.pos,
		       op->head.len, op->metadata ? " metadata" : "",
		       op->ended ? "" : " under way");
	}
}

static bool want_sample(void)
{
	if (!options.sample || asked >= options.samples || until_sample--)
		return false;
	until_sample = options.states / options.samples;
	return true;
}

static void check_state(void *ctx)
{
	u64 bad = report.bad_states;

	verdict_state(&verdict);
	if (want_sample())
		sample();
	report_state();
	if (!options.stop || report.bad_states == bad)
		return;
	medium_save(&verdict.image.medium[0], options.sample);
	errx(2, "the state lies in %s", options.sample);
}

/* --- Cuts --- */

#define LIGHT	1
#define HEAVY	4

/* What is written every day all the images show, changes only some. */
static unsigned int parts(unsigned int of_step)
{
	return of_step >= STEP_SHADOW ? 3 : 1;
}

static unsigned int parts_to_come(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < MAX_STEPS; i++)
		if (weight[i])
			n += parts(i);
	return n ?: 1;
}

/*
 * Some steps come a thousand times, others five: each has its part of the
 * states.  What one cut leaves of its share, the others have.
 */
static u64 share(unsigned int heaviness)
{
	u64 left = report.states < options.states ?
		options.states - report.states : 0;

	return left / parts_to_come() * parts(step) * heaviness /
	       (weight[step] < heaviness ? heaviness : weight[step]) + 1;
}

#define FEW	8

/* Of very many cuts only some are made, with as many states as say a bit. */
static bool is_worthwhile(void)
{
	u64 budget = cut.budget;

	if (budget >= FEW)
		return true;
	cut.budget = FEW;
	return cut_random(&cut) % FEW < budget;
}

static void cut_power(unsigned int heaviness)
{
	u64 made;

	cut.budget = share(heaviness);
	weight[step] -= heaviness < weight[step] ? heaviness : weight[step];
	if (!is_worthwhile())
		return;
	made = cut_here(&cut);
	cuts[step]++;
	states[step] += made;
	if (change && step >= STEP_SHADOW) {
		change->cuts[step]++;
		change->states[step] += made;
	}
}

static bool is_flush(const struct record *head)
{
	return (head->arg & RECORD_OP_MASK) == RECORD_OP_FLUSH;
}

static u32 checked_step(const struct record *head)
{
	if (head->arg >= MAX_STEPS)
		errx(1, "record: step %u", head->arg);
	return head->arg;
}

/* How many cuts there will be, so that all are within the budget. */
static void weigh(void)
{
	struct record_file copy = record;
	struct record head;
	const u8 *data;
	u32 at = 0;

	while (record_next(&copy, &head, &data)) {
		if (head.type == RECORD_SYNC) {
			weight[at] += HEAVY;
		} else if (head.type == RECORD_STEP) {
			weight[at] += LIGHT;
			at = checked_step(&head);
		} else if (head.type == RECORD_CHANGE_END ||
			   (head.type == RECORD_REQ && is_flush(&head))) {
			weight[at] += LIGHT;
		}
	}
	weight[at] += HEAVY;
}

static void play_end(const struct record *head)
{
	if (pending_is_sync(&pending, head->id))
		cut_power(HEAVY);
	pending_end(&pending, head);
}

/* The file system may do them in any order, so there is no right content. */
static void overlap(const struct record *head)
{
	overlaps++;
	printf("# %s %u:%#llx+%#llx while another of these bytes is under way\n",
	       type_names[head->type], head->file, head->pos, head->len);
}

static unsigned int kind_of(const struct record *head)
{
	if (head->arg > RECORD_CHANGE_EMPTY)
		errx(1, "record: change %u", head->arg);
	if (head->arg == RECORD_CHANGE_RESIZE &&
	    head->pos < verdict_world(&verdict)->active.content.size)
		return NR_CHANGES - 1;
	return head->arg;
}

static void play_change(const struct record *head, const u8 *name)
{
	cut.kind = "a change begins";
	cut_none(&cut);
	change = &changes[kind_of(head)];
	verdict_change(&verdict, head, (const char *)name);
	report_state();
}

static void play_change_end(const struct record *head)
{
	if (head->result)
		change->refused++;
	else
		change->done++;
	verdict_changed(&verdict, !head->result);
	cut_power(LIGHT);
}

static void play(const struct record *head, const u8 *data)
{
	struct oracle *oracle = &verdict_world(&verdict)->oracle;

	switch (head->type) {
	case RECORD_END:
		return play_end(head);
	case RECORD_REQ:
		return oracle_begin(oracle, head);
	case RECORD_REQ_END:
		if (oracle_end(oracle, head, verdict_risen, &verdict))
			cut_power(LIGHT);
		return;
	case RECORD_CHANGE:
		return play_change(head, data);
	case RECORD_CHANGE_END:
		return play_change_end(head);
	case RECORD_STEP:
		cut_power(LIGHT);
		step = checked_step(head);
		return;
	default:
		if (pending_begin(&pending, head, data))
			overlap(head);
	}
}

/* --- Beginning and end --- */

static const struct option long_options[] = {
	{ "content",  required_argument, NULL, 'c' },
	{ "backing",  required_argument, NULL, 'b' },
	{ "snapshot", required_argument, NULL, 's' },
	{ "data",     required_argument, NULL, 'd' },
	{ "versions", required_argument, NULL, 'v' },
	{ "final",    required_argument, NULL, 'f' },
	{ "final-data", required_argument, NULL, 'F' },
	{ "states",   required_argument, NULL, 'n' },
	{ "seed",     required_argument, NULL, 'r' },
	{ "sample",   required_argument, NULL, 'q' },
	{ "as",       required_argument, NULL, 'a' },
	{ "stop",     no_argument,       NULL, 'x' },
	{ "unfinished", no_argument,     NULL, 'u' },
	{ "copied",   no_argument,       NULL, 'C' },
	{ "largest",  required_argument, NULL, 'l' },
	{ },
};

static void bad_usage(void)
{
	fputs(usage, stderr);
	exit(1);
}

static void add_snapshot(const char *path)
{
	if (options.nr_snapshots == MAX_SNAPSHOTS)
		errx(1, "too many snapshots");
	options.snapshots[options.nr_snapshots++] = path;
}

static const char **const strings[] = {
	['c'] = &options.content,  ['b'] = &options.backing,
	['d'] = &options.data,	   ['v'] = &options.versions,
	['a'] = &options.sample,   ['f'] = &options.final[0],
	['F'] = &options.final[1],
};

static u64 *const numbers[] = {
	['n'] = &options.states, ['r'] = &options.seed,
	['q'] = &options.samples, ['l'] = &options.largest,
};

static void ignore_copied(void)
{
	verdict.worlds[0].metadata.ignore_copied = true;
	verdict.worlds[1].metadata.ignore_copied = true;
}

static void take_option(int c)
{
	if (c < ARRAY_SIZE(strings) && strings[c])
		*strings[c] = optarg;
	else if (c < ARRAY_SIZE(numbers) && numbers[c])
		*numbers[c] = strtoull(optarg, NULL, 0);
	else if (c == 's')
		add_snapshot(optarg);
	else if (c == 'x')
		options.stop = true;
	else if (c == 'u')
		options.unfinished = true;
	else if (c == 'C')
		ignore_copied();
	else
		bad_usage();
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(c);
	if (argc - optind != 2 || !options.content || !options.versions ||
	    !options.samples != !options.sample)
		bad_usage();
	options.image = argv[optind];
	options.record = argv[optind + 1];
}

/* Units of a page, but no more than a cluster: what is looked at together. */
static unsigned int unit_bits(void)
{
	struct span span = span_load(options.image);
	struct qcow2_header header;
	struct qcow_fault fault;

	if (qcow2_header_parse(span.data, span.size, &header, &fault))
		errx(1, "%s: %s: %s", options.image, fault.structure,
		     fault.problem);
	return header.cluster_bits < 12 ? header.cluster_bits : 12;
}

static void load(void)
{
	struct image *image = &verdict.image;
	unsigned int i;

	record_open(&record, options.record);
	medium_load(&image->medium[0], options.image,
		    record_reach(&record, 0), unit_bits());
	medium_load(&image->medium[1], options.data ?: "/dev/null",
		    record_reach(&record, 1), unit_bits());
	if (options.backing)
		image->backing = span_load(options.backing);
	verdict_init(&verdict, options.image);
	verdict_active(&verdict, options.content, options.versions,
		       options.largest);
	for (i = 0; i < options.nr_snapshots; i++)
		verdict_snapshot(&verdict, options.snapshots[i]);
}

/* Before the load nothing may be wrong, or all that follows is of no value. */
static void look_first(void)
{
	cut.kind = "before the load";
	report.state = describe;
	check_state(NULL);
	if (report.bad_states)
		errx(1, "%s: wrong from the start", options.image);
	verdict_remember(&verdict);
}

static void summary_of_change(const char *name, const struct change *c)
{
	unsigned int i;

	if (c->done + c->refused)
		printf("change %s: %llu done, %llu refused\n", name, c->done,
		       c->refused);
	for (i = 0; i < MAX_STEPS; i++)
		if (c->cuts[i])
			printf("change %s step %u: %llu cuts, %llu states\n",
			       name, i, c->cuts[i], c->states[i]);
}

static void summary(void)
{
	unsigned int i;

	for (i = 0; i < MAX_STEPS; i++)
		if (cuts[i])
			printf("step %u: %llu cuts, %llu states\n", i, cuts[i],
			       states[i]);
	for (i = 0; i < NR_CHANGES; i++)
		summary_of_change(change_names[i], &changes[i]);
	printf("qemu-img: %llu asked\n", asked);
	printf("checks: %llu of metadata\n",
	       verdict.worlds[0].metadata.checks +
	       verdict.worlds[1].metadata.checks);
	printf("overlaps: %llu\n", overlaps);
	for (i = 0; i < NR_PROMISES; i++)
		printf("%s: %llu violations\n", promise_names[i],
		       report.violations[i]);
	printf("states: %llu, %llu bad\n", report.states, report.bad_states);
}

/* Whoever detaches in peace leaves nothing behind. */
static void check_end(void)
{
	const struct metadata *md = &verdict_world(&verdict)->metadata;

	cut.kind = "detached";
	cut_none(&cut);
	verdict_state(&verdict);
	if (md->result.leaks)
		report_problem(PROMISE_METADATA, "%llu clusters have leaked",
			       md->result.leaks);
	report_state();
}

/* A record that lacks something proves nothing. */
static void compare(void)
{
	int i;

	oracle_compare(&verdict_world(&verdict)->oracle);
	for (i = 0; i < 2; i++)
		if (options.final[i])
			medium_compare(&verdict.image.medium[i],
				       options.final[i]);
}

/* Of a driver that broke a rule and noticed it, no more is known. */
static bool is_end(const struct record *head)
{
	return options.unfinished && head->result &&
	       head->result != -EAGAIN && head->result != -EOPNOTSUPP &&
	       (head->type == RECORD_END || head->type == RECORD_REQ_END);
}

int main(int argc, char **argv)
{
	struct record head;
	const u8 *data;

	parse(argc, argv);
	load();
	weigh();
	cut.pending = &pending;
	cut.check = check_state;
	cut.rng = options.seed * 0x9e3779b97f4a7c15ULL | 1;
	look_first();
	while (record_next(&record, &head, &data) && !is_end(&head))
		play(&head, data);
	cut_power(HEAVY);
	if (!options.unfinished) {
		check_end();
		compare();
	}
	summary();
	return report.bad_states || overlaps ? 2 : 0;
}
