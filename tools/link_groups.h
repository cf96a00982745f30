/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link_groups.h - which entries of a snapshot are one file, and where the first
 * of them was put.
 *
 * Any number of threads.  A group is forgotten when all the names it had at the
 * source were seen, so memory goes with what is open, not with the snapshot.
 */
#ifndef TOOLS_LINK_GROUPS_H
#define TOOLS_LINK_GROUPS_H

#include <stdbool.h>
#include <sys/types.h>

#include "store/base/buf.h"
#include "store/codec/tree.h"

struct cr_links;

enum cr_link_turn {
	CR_LINK_FIRST, /* put the file, then call cr_links_done() */
	CR_LINK_READY, /* link to what was found */
	CR_LINK_LOST,  /* the file is damaged, that was said */
};

/* Where the file of a group lies. */
struct cr_link_at {
	struct cr_buf path; /* owned, terminated */
	dev_t device;	    /* and inode: free for the caller's use */
	ino_t inode;
};
void cr_link_at_release(struct cr_link_at *at);

cr_must_check int cr_links_new(struct cr_links **ret);
void cr_links_free(struct cr_links *links);

/*
 * Whose turn it is in the group of @entry, which has one; waits while another
 * thread is at the file.  With @again *@at is what no link can be made to:
 * FIRST, unless there is another by now.  The turn, or -ENOMEM.
 */
cr_must_check int cr_links_claim(struct cr_links *links,
				 const struct cr_entry *entry, bool again,
				 struct cr_link_at *at);
/*
 * After FIRST: it lies at @at, which is taken; or (@at NULL) the next is the
 * first, or @lost, damaged for all of the group.
 */
void cr_links_done(struct cr_links *links, const struct cr_entry *entry,
		   struct cr_link_at *at, bool lost);

#endif
