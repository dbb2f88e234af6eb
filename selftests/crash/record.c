// SPDX-License-Identifier: GPL-2.0
#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

void record_open(struct record_file *file, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	if (!st.st_size)
		errx(1, "%s: nothing was recorded", path);
	file->size = st.st_size;
	file->next = 0;
	file->data = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file->data == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
}

static void check_head(const struct record *head, size_t at)
{
	if (head->type < RECORD_WRITE || head->type > RECORD_CHANGE_END)
		errx(1, "record at %zu: type %u", at, head->type);
	if (head->type == RECORD_LOST)
		errx(1, "record at %zu: the recorder ran out of memory", at);
	if (head->file > 1)
		errx(1, "record at %zu: file %u", at, head->file);
}

bool record_next(struct record_file *file, struct record *head,
		 const u8 **data)
{
	size_t left = file->size - file->next;

	if (!left)
		return false;
	if (left < sizeof(*head))
		errx(1, "the record is cut off");
	memcpy(head, file->data + file->next, sizeof(*head));
	check_head(head, file->next);
	file->next += sizeof(*head);
	left -= sizeof(*head);
	*data = file->data + file->next;
	if (head->type != RECORD_WRITE && head->type != RECORD_CHANGE)
		return true;
	if (left < head->len)
		errx(1, "the record is cut off in data");
	file->next += head->len;
	return true;
}

static u64 head_reach(const struct record *head)
{
	switch (head->type) {
	case RECORD_WRITE:
	case RECORD_EXTEND:
	case RECORD_PUNCH:
	case RECORD_TRUNCATE:
		return head->pos + head->len;
	}
	return 0;
}

u64 record_reach(const struct record_file *file, u32 number)
{
	struct record_file copy = *file;
	struct record head;
	const u8 *data;
	u64 reach = 0;

	copy.next = 0;
	while (record_next(&copy, &head, &data))
		if (head.file == number && head_reach(&head) > reach)
			reach = head_reach(&head);
	return reach;
}
