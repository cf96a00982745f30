/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kv_probe.h - find out in a short-lived child whether a database can be
 * opened: RocksDB aborts the process on some kinds of damage.
 */
#ifndef STORE_DISK_KV_PROBE_H
#define STORE_DISK_KV_PROBE_H

#include "store/disk/kv.h"

/*
 * Fork, open the database at @path with @opt but read-only, read @key of
 * @family, and compare with @mark, behind which it must not be.  Call it before
 * any thread is started, and again when it fails while a primary is at work:
 * that may have deleted what was being opened.  -CR_EINDEX with what is wrong,
 * -errno.
 */
cr_must_check int cr_kv_probe(const char *path, const struct cr_kv_options *opt,
			      size_t family, struct cr_piece key,
			      const struct cr_kv_mark *mark);

#endif
