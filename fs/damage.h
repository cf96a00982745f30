/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * damage.h - what could not be read: each place is told once in the log and
 * listed for .caprock/damaged.txt, and files known to be damaged are refused
 * as a whole.
 *
 * The kernel is told not to send open, so a file whose middle is damaged would
 * be copied up to there.  Once that is known, every read of it fails; and what
 * the kernel keeps of it is dropped, by the thread that refreshes.
 *
 * What is remembered is bounded.  Any thread may call anything here; nothing is
 * held over I/O.
 */
#ifndef FS_DAMAGE_H
#define FS_DAMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/id.h"
#include "store/base/util.h"

struct cr_buf;
struct cr_damage;

cr_must_check int cr_damage_new(struct cr_damage **ret);
void cr_damage_free(struct cr_damage *damage);

struct cr_damaged {
	const char *snapshot; /* "source@2026-11-22T02-15-00Z" */
	const void *path;     /* any bytes */
	size_t path_len;
	int error; /* what was returned; cr_detail() is the sentence */
};

/*
 * One line, unless this place was told of before.  What is remembered is
 * bounded: after very many places one last line says so.  Errors that say
 * nothing of what is stored (memory, rights) are not listed.
 */
void cr_damage_tell(struct cr_damage *damage, const struct cr_damaged *what);

/* The same for what has no path; @what names it and why.  Not listed. */
void cr_damage_note(struct cr_damage *damage, const char *what);

/* The same for an object that is damaged itself: listed. */
void cr_damage_object(struct cr_damage *damage, const char *object,
		      const char *why);

/* ---- The list ---- */

/*
 * A line for each: when (UTC), snapshot, path, why, with tabs between; of an
 * object that is damaged itself its name instead of the snapshot, and no path.
 * The text only grows, so that the first bytes of it never change.
 */
#define CR_DAMAGE_TEXT_MAX (1u << 20)

struct cr_damage_list {
	size_t len;   /* of the text */
	size_t lines; /* all that were told, listed or not */
	int64_t time; /* UTC seconds of the last one; 0: none */
};
void cr_damage_list(struct cr_damage *damage, struct cr_damage_list *ret);

/* Append the @len bytes of the text from @at, which are there. */
void cr_damage_text(struct cr_damage *damage, size_t at, size_t len,
		    struct cr_buf *out);

/* ---- Files ---- */

/* A part of a file. */
struct cr_range {
	uint64_t offset;
	size_t len;
};

/*
 * Reading @range of the file with @content failed with @error; cr_detail() says
 * why.  Errors that say nothing of what is stored are passed over.
 */
void cr_damage_mark(struct cr_damage *damage, const struct cr_id *content,
		    const struct cr_range *range, int error);

enum cr_damage_known {
	CR_DAMAGE_NONE,
	CR_DAMAGE_KNOWN, /* *error is to be returned, with its sentence */
	CR_DAMAGE_DOUBT, /* known a while ago: the caller tries *range again */
};
enum cr_damage_known cr_damage_ask(struct cr_damage *damage,
				   const struct cr_id *content,
				   struct cr_range *range, int *error);
/* That read succeeded: it was the storage, and it is over. */
void cr_damage_heal(struct cr_damage *damage, const struct cr_id *content);

/*
 * The kernel is to drop its pages of @node, which cannot be done while it waits
 * for a reply; cr_damage_nodes() takes up to @max such, and returns how many.
 */
void cr_damage_drop(struct cr_damage *damage, uint64_t node);
size_t cr_damage_nodes(struct cr_damage *damage, uint64_t *node, size_t max);

static inline void cr_damage_freep(struct cr_damage **damage)
{
	cr_damage_free(*damage);
}

#endif
