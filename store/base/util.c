/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/util.h"

#include <unistd.h>

void cr_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* never retried: Linux has closed it */
	*fd = -1;
}
