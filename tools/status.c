/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/status.h"

#include <stdio.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/escape.h"

/* What is not listed here is CR_EXIT_FAILED, and needs no advice. */
static const struct {
	int error;
	enum cr_exit status;
	const char *advice;
} known[] = {
	{ -CR_ECORRUPT, CR_EXIT_DAMAGE, "see what is lost: caprock verify" },
	{ -CR_EAUTH, CR_EXIT_DAMAGE, "see what is lost: caprock verify" },
	{ -CR_EMISSING, CR_EXIT_DAMAGE, "see what is lost: caprock verify" },
	{ -CR_ETAMPER, CR_EXIT_TAMPERED,
	  "find out who changed the repository before you go on" },
	{ -CR_EKEY, CR_EXIT_WRONG_KEY,
	  "check the passphrase or the key file, and the repository's name" },
	{ -CR_ECAPABILITY, CR_EXIT_CAPABILITY,
	  "use a key that may: caprock key list" },
	{ -CR_EVERSION, CR_EXIT_NO_REPOSITORY, "use a newer caprock" },
	{ -CR_ENOREPO, CR_EXIT_NO_REPOSITORY,
	  "name one with --repository, or make one: caprock init" },
	{ -CR_ELOCKED, CR_EXIT_LOCKED, "try again when it has ended" },
	{ -CR_EINDEX, CR_EXIT_FAILED, "make a new one: caprock index rebuild" },
	{ -CR_EUSAGE, CR_EXIT_USAGE, NULL },
	{ -CR_EINTERRUPT, CR_EXIT_INTERRUPTED, NULL },
	{ -EINTR, CR_EXIT_INTERRUPTED, NULL },
	{ -ENOSPC, CR_EXIT_FAILED, "make room and run it again" },
	{ -EDQUOT, CR_EXIT_FAILED, "make room and run it again" },
	{ -EROFS, CR_EXIT_FAILED, "mount it writable" },
};

enum cr_exit cr_exit_of(int error)
{
	if (error >= 0)
		return CR_EXIT_OK;
	for (size_t i = 0; i < CR_ARRAY_LEN(known); i++) {
		if (known[i].error == error)
			return known[i].status;
	}
	return CR_EXIT_FAILED;
}

enum cr_exit cr_exit_worse(enum cr_exit a, enum cr_exit b)
{
	/* What no rule ranks ends a command before it did anything. */
	static const enum cr_exit order[] = {
		CR_EXIT_TAMPERED, CR_EXIT_DAMAGE,    CR_EXIT_INTERRUPTED,
		CR_EXIT_FAILED,	  CR_EXIT_USAGE,     CR_EXIT_NO_REPOSITORY,
		CR_EXIT_LOCKED,	  CR_EXIT_WRONG_KEY, CR_EXIT_CAPABILITY,
		CR_EXIT_POLICY,	  CR_EXIT_ANOMALY,   CR_EXIT_WARNINGS,
		CR_EXIT_OK,
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(order); i++) {
		if (order[i] == a || order[i] == b)
			return order[i];
	}
	return CR_EXIT_FAILED;
}

const char *cr_status_sentence(int error)
{
	const char *said = cr_detail();

	/* Out of memory is told without a sentence: an old one would mislead.
	 */
	return error == -ENOMEM || said[0] == '\0' ? cr_strerror(error) : said;
}

void cr_status_report(int error)
{
	cr_cleanup(cr_buf_release) struct cr_buf line = { 0 };
	const char *said = cr_status_sentence(error);
	const char *advice = NULL;

	for (size_t i = 0; i < CR_ARRAY_LEN(known); i++) {
		if (known[i].error == error)
			advice = known[i].advice;
	}
	cr_escape(said, strlen(said), &line);
	if (advice) {
		cr_buf_put(&line, ": ", 2);
		cr_buf_put(&line, advice, strlen(advice));
	}
	if (cr_buf_error(&line) < 0)
		(void)fprintf(stderr, "caprock: out of memory\n");
	else
		(void)fprintf(stderr, "caprock: %.*s\n", (int)line.len,
			      (const char *)line.bytes);
}
