/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshots.h - which snapshots there are: manifests found by listing
 * `snapshots/`, authenticated, their chains checked.  FORMAT.md section 10.
 *
 * A set is updated by one thread; the snapshots in it are immutable and stay
 * valid until the set is released, even when an update no longer lists them.
 */
#ifndef STORE_READ_SNAPSHOTS_H
#define STORE_READ_SNAPSHOTS_H

#include "store/codec/manifest.h"
#include "store/disk/repo.h"
#include "store/disk/state.h"

struct cr_snapshot {
	char *object;		      /* owned: "snapshots/<writer>/..." */
	struct cr_id id;	      /* hash of its bytes */
	struct cr_manifest_head head; /* zero when @error and unreadable */
	struct cr_manifest manifest;  /* zero when @error */
	char source[CR_SOURCE_MAX + 1];
	int64_t received; /* UTC seconds: when the storage took it */
	int error;	  /* 0, or why it does not count */
	char *why;	  /* owned; the sentence, when @error */
};

struct cr_remembered;

struct cr_snapshots {
	/*
	 * Borrowed, or NULL: manifests that need not be read again, and to
	 * which those that are read are added.  Not for who checks what is
	 * stored.
	 */
	struct cr_remembered *remembered;
	/* Those that count, by source (bytes), then time; owned. */
	struct cr_snapshot **snapshot;
	size_t count;
	/* Those that do not: damaged, not admitted, not granted; owned. */
	struct cr_snapshot **bad;
	size_t bads;
	struct cr_snapshots_retired *retired; /* owned */
	uint64_t roster_n; /* number of the key list they were judged by */
	/* The first contradiction found: 0 or -CR_ETAMPER, and the sentence. */
	int tampered;
	char *tampered_why; /* owned */
};

/*
 * List again: read what is new, drop what is gone, check the chains.  Where
 * the repository was renewed since (repo.h), those that did not count are read
 * again, and those that count are judged again.  Start from a zeroed set.
 * Returns how many were added or went (so 0: nothing changed).  With @state the
 * heads are compared and, when it is writable, remembered.  Needs a key that
 * reads: -CR_ECAPABILITY.  -errno from storage.
 */
cr_must_check int cr_snapshots_update(const struct cr_repo *repo,
				      struct cr_state *state,
				      struct cr_snapshots *set);
void cr_snapshots_release(struct cr_snapshots *set);

/*
 * Whether @s is dated more than an hour after the storage received it: by a
 * clock that was wrong, or by somebody who would have it the newest for good.
 * It is shown, and is never `latest` where there is another.
 */
bool cr_snapshot_is_ahead(const struct cr_snapshot *s);
/* Whether @s rather than @than (NULL: none) is `latest`. */
bool cr_snapshot_is_newer(const struct cr_snapshot *s,
			  const struct cr_snapshot *than);

/*
 * Find one by what a person types: an id prefix (at least 4 digits), `latest`,
 * SOURCE@latest, SOURCE@DATE (the last of that UTC day), SOURCE@TIME, or TIME
 * or DATE alone when there is one source; TIME as the mount writes it
 * (2026-11-22T02-15-00Z) or with colons.  -ENOENT or -CR_EUSAGE (ambiguous)
 * with a sentence that says what there is.
 */
cr_must_check int cr_snapshots_find(const struct cr_snapshots *set,
				    const char *text,
				    const struct cr_snapshot **ret);

/* "2026-11-22T02-15-00Z": 20 characters, years 0 to 9999; and back. */
#define CR_STAMP_LEN 32
void cr_stamp(int64_t time, char out[CR_STAMP_LEN]);
cr_must_check int cr_stamp_parse(const char *text, int64_t *ret);

#endif
