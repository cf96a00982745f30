/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/util.h"

#include <sched.h>
#include <unistd.h>

void cr_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* never retried: Linux has closed it */
	*fd = -1;
}

unsigned int cr_cores(void)
{
	cpu_set_t set;
	long all = sysconf(_SC_NPROCESSORS_ONLN);

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned int)CPU_COUNT(&set);
	return all > 0 ? (unsigned int)all : 1;
}
