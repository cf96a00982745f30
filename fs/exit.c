/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/exit.h"

#include "store/base/error.h"
#include "store/base/log.h"

/* DESIGN.md section 6; what is not listed is 1. */
static const struct {
	int error;
	int status;
} statuses[] = {
	{ -CR_EUSAGE, 2 },
	{ -CR_ECORRUPT, 4 },
	{ -CR_EAUTH, 4 },
	{ -CR_EMISSING, 4 },
	{ -CR_ETAMPER, 6 },
	{ -CR_ENOREPO, 10 },
	{ -CR_EVERSION, 10 },
	{ -CR_ELOCKED, 11 },
	{ -CR_EKEY, 12 },
	{ -CR_ECAPABILITY, 13 },
	{ -CR_EINTERRUPT, CR_EXIT_INTERRUPT },
	{ -EINTR, CR_EXIT_INTERRUPT },
};

int cr_exit_status(int r)
{
	const char *why = cr_detail();

	cr_log(CR_LOG_ERR, "%s",
	       r == -ENOMEM || *why == '\0' ? cr_strerror(r) : why);
	for (size_t i = 0; i < CR_ARRAY_LEN(statuses); i++)
		if (statuses[i].error == r)
			return statuses[i].status;
	return EXIT_FAILURE;
}
