/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/damage.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/escape.h"
#include "store/base/log.h"
#include "store/codec/hash.h"

#define PLACES_MAX 16384
#define SLOTS	   ((size_t)2 * PLACES_MAX) /* a power of two, never full */
#define PATH_SHOWN 600			    /* bytes: a line has 1,024 */

struct cr_damage {
	pthread_mutex_t lock;
	size_t count;	      /* under: lock */
	uint64_t told[SLOTS]; /* hashes of places, 0 free; under: lock */
};

int cr_damage_new(struct cr_damage **ret)
{
	struct cr_damage *damage = calloc(1, sizeof(*damage));

	if (!damage)
		return -ENOMEM;
	(void)pthread_mutex_init(&damage->lock, NULL);
	*ret = damage;
	return 0;
}

void cr_damage_free(struct cr_damage *damage)
{
	if (!damage)
		return;
	(void)pthread_mutex_destroy(&damage->lock);
	free(damage);
}

static uint64_t hash_of(const struct cr_piece *piece, size_t n)
{
	struct cr_id id = cr_hash("damage", piece, n);
	uint64_t hash;

	memcpy(&hash, id.bytes, sizeof(hash));
	return hash ? hash : 1;
}

/* Whether it is to be told: 1, 0, or 2 for the line that says no more are. */
static int remember(struct cr_damage *damage, uint64_t hash)
{
	size_t i = hash % SLOTS;
	int tell = 1;

	(void)pthread_mutex_lock(&damage->lock);
	while (damage->told[i] != 0 && damage->told[i] != hash)
		i = (i + 1) % SLOTS;
	if (damage->told[i] == hash || damage->count > PLACES_MAX) {
		tell = 0;
	} else if (damage->count++ == PLACES_MAX) {
		tell = 2;
	} else {
		damage->told[i] = hash;
	}
	(void)pthread_mutex_unlock(&damage->lock);
	if (tell == 2)
		cr_log(CR_LOG_ERR,
		       "more than %d damaged places: no more are named here; "
		       "caprock verify names them all",
		       PLACES_MAX);
	return tell == 1;
}

void cr_damage_tell(struct cr_damage *damage, const struct cr_damaged *what)
{
	cr_cleanup(cr_buf_release) struct cr_buf line = { 0 };
	/* The end of a long path says more than its beginning. */
	size_t skip =
		what->path_len > PATH_SHOWN ? what->path_len - PATH_SHOWN : 0;
	struct cr_piece piece[] = {
		{ what->snapshot, strlen(what->snapshot) + 1 },
		{ what->path, what->path_len },
	};
	const char *why = cr_detail();

	if (*why == '\0')
		why = cr_strerror(what->error);
	if (!remember(damage, hash_of(piece, CR_ARRAY_LEN(piece))))
		return;
	if (skip > 0)
		cr_buf_put(&line, "...", 3);
	cr_escape((const char *)what->path + skip, what->path_len - skip,
		  &line);
	cr_buf_u8(&line, 0);
	cr_log(CR_LOG_ERR, "snapshot %s: %s: %s", what->snapshot,
	       cr_buf_error(&line) < 0 ? "?" : (const char *)line.bytes, why);
}

void cr_damage_note(struct cr_damage *damage, const char *what)
{
	struct cr_piece piece = { what, strlen(what) };

	if (remember(damage, hash_of(&piece, 1)))
		cr_log(CR_LOG_ERR, "%s", what);
}
