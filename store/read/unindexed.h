/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unindexed.h - the packs that the index does not know: where a chunk is looked
 * for before it is called lost.  Listed anew when the list is old.
 */
#ifndef STORE_READ_UNINDEXED_H
#define STORE_READ_UNINDEXED_H

#include "store/disk/index.h"
#include "store/disk/repo.h"

struct cr_unindexed;

/* @repo is borrowed. */
cr_must_check int cr_unindexed_new(const struct cr_repo *repo,
				   struct cr_unindexed **ret);
void cr_unindexed_free(struct cr_unindexed *unindexed);

/* Packs may have come: the next who looks lists them anew.  Any thread. */
void cr_unindexed_outdate(struct cr_unindexed *unindexed);

/*
 * Call @fn for each such pack of @kind until it returns other than 0, which is
 * then returned.  No lock is held during the calls.  @index may be NULL: then
 * every pack is unindexed.  Where it was not NULL just before, for another, so
 * that what is left out are packs that it knows, ask it afterwards.  -ENOMEM,
 * -errno.
 */
typedef int (*cr_unindexed_fn)(void *arg, const struct cr_uid *pack);
cr_must_check int cr_unindexed_each(struct cr_unindexed *unindexed,
				    struct cr_index *index,
				    enum cr_pack_kind kind, cr_unindexed_fn fn,
				    void *arg);

#endif
