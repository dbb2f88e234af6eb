// SPDX-License-Identifier: GPL-2.0
/*
 * stuckwrite FILE
 *
 * Writes to the file from memory that never comes: a page under userfaultfd,
 * which nobody fills.  The write stays in the middle of the file system until
 * the process is killed.  Prints a line when it is about to begin.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LENGTH	(1UL << 20)

int main(int argc, char **argv)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range.len = LENGTH,
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	void *mem;
	int fd, uffd;

	if (argc != 2)
		errx(2, "usage: stuckwrite FILE");
	fd = open(argv[1], O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		err(1, "%s", argv[1]);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		err(1, "userfaultfd");
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "mmap");
	area.range.start = (unsigned long)mem;
	if (ioctl(uffd, UFFDIO_REGISTER, &area))
		err(1, "UFFDIO_REGISTER");
	puts("begins");
	fflush(stdout);
	if (write(fd, mem, LENGTH) < 0)
		err(1, "write");
	return 0;
}
