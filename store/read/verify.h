/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify.h - account for every object of a repository, and say which path of
 * which snapshot each damage touches.
 *
 * Without read_data: each key slot, key list, segment, manifest; each pack's
 * two headers, footer and trailer; every tree, list, xattr set, link and text
 * of the snapshots, read once each; and that each chunk they refer to stands in
 * an authentic footer.  With it also every block of every pack: opened, and its
 * chunks hashed again.
 *
 * Memory: four bits for each chunk of the repository, 100 bytes for each pack,
 * and what the directories above the one at hand hold.  One thread, but for
 * the totals, which any may look at.
 */
#ifndef STORE_READ_VERIFY_H
#define STORE_READ_VERIFY_H

#include <stdatomic.h>

#include "store/read/reader.h"
#include "store/read/snapshots.h"

enum cr_finding_kind {
	CR_FINDING_DAMAGE, /* of one object */
	CR_FINDING_TAMPER, /* objects contradict each other */
	CR_FINDING_LOST,   /* a path that cannot be read whole */
	CR_FINDING_NOTE,   /* what a damage costs, or what was left out */
};

struct cr_finding {
	enum cr_finding_kind kind;
	int error;	    /* an error code, but of NOTE */
	const char *object; /* "packs/data/..."; NULL where it is not known */
	const char *why;
	/* Of LOST: */
	const struct cr_snapshot *snapshot;
	struct cr_piece path; /* "" is the root */
	bool below;	      /* with everything that is in it */
};

struct cr_verify_totals {
	atomic_ullong snapshots; /* walked */
	atomic_ullong objects;	 /* files of the repository but packs */
	atomic_ullong packs;
	atomic_ullong chunks; /* that the snapshots refer to, each once */
	atomic_ullong bytes;  /* of packs, read */
	atomic_ullong bytes_total;
	atomic_ullong damaged; /* findings of DAMAGE */
	atomic_ullong tampered;
	atomic_ullong lost;
};

struct cr_verify {
	struct cr_reader *reader;	/* borrowed */
	const struct cr_snapshots *set; /* borrowed: all that there are */
	/* Which to walk; borrowed.  NULL: all of @set. */
	const struct cr_snapshot *const *snapshot;
	size_t snapshots;
	bool read_data; /* of all packs, or what the chosen snapshots need */
	/* Each finding as it is made: 0, or an error that ends the work. */
	int (*found)(void *arg, const struct cr_finding *finding);
	/* What is looked at now: an object, a path.  May be NULL. */
	void (*at)(void *arg, struct cr_piece what);
	void *arg;
	struct cr_verify_totals *totals; /* borrowed; zeroed by the caller */
};

/*
 * @set was listed before, by a key that reads.  0 whatever was found; what
 * found() returned; or an error that is not about one object: -ENOMEM,
 * -CR_EINDEX, -errno.
 */
cr_must_check int cr_verify(const struct cr_verify *job);

#endif
