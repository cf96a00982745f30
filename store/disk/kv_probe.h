/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kv_probe.h - find out in a short-lived child whether a database can be
 * opened: RocksDB aborts the process on some kinds of damage.
 */
#ifndef STORE_DISK_KV_PROBE_H
#define STORE_DISK_KV_PROBE_H

#include "store/disk/kv.h"

/* All borrowed. */
struct cr_kv_probe {
	const char *path;
	const struct cr_kv_options *opt;
	size_t family;
	struct cr_piece key;	       /* that must be there */
	const struct cr_kv_mark *mark; /* not behind that */
	/* What the child asks of a sound database: 0, 1 or an error; or NULL */
	int (*ask)(void *arg, struct cr_kv *kv);
	void *arg;
};

/*
 * Fork, open the database with the options but read-only, read the key, and
 * compare with the mark.  Call it before any thread is started, and again when
 * it fails while a primary is at work: that may have deleted what was being
 * opened.  0, or what was answered; -CR_EINDEX with what is wrong, -errno. With
 * a mark of nothing yet the key may be missing: then nothing is asked.
 */
cr_must_check int cr_kv_probe(const struct cr_kv_probe *probe);

#endif
