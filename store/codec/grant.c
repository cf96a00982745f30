/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/roster.h"

#include <errno.h>
#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/secret.h"

#define READ_LEN_MIN (1 + 3 * CR_KEY_LEN)

static void get_key(struct cr_cursor *cur, struct cr_key *out)
{
	cr_cursor_bytes(cur, out->bytes, sizeof(out->bytes));
}

static int allocate(struct cr_grant *grant, uint64_t epochs)
{
	grant->epoch = cr_secret_alloc(epochs * sizeof(*grant->epoch));
	return grant->epoch ? 0 : -ENOMEM;
}

static uint32_t get_epoch(struct cr_cursor *cur)
{
	return (uint32_t)cr_cursor_max(cur, CR_ROSTER_EPOCHS);
}

static int parse_read(struct cr_cursor *cur, struct cr_grant *grant)
{
	uint64_t count = cr_cursor_varint(cur);
	uint32_t before = 0;
	int r;

	/* Before anything is allocated: a count must fit the bytes at hand. */
	if (count < 1 || count > CR_ROSTER_EPOCHS ||
	    cur->left < count * READ_LEN_MIN)
		return cr_fail(CR_ECORRUPT,
			       "grant: %" PRIu64 " epochs in %zu bytes", count,
			       cur->left);
	r = allocate(grant, count);
	if (r < 0)
		return r;
	for (; grant->epochs < count; grant->epochs++) {
		struct cr_grant_epoch *e = &grant->epoch[grant->epochs];

		e->epoch = get_epoch(cur);
		get_key(cur, &e->meta_seed);
		get_key(cur, &e->data_seed);
		get_key(cur, &e->psk);
		if (e->epoch <= before)
			return cr_fail(CR_ECORRUPT,
				       "grant: epoch %" PRIu32
				       " after epoch %" PRIu32,
				       e->epoch, before);
		before = e->epoch;
	}
	return 0;
}

static int parse_put(struct cr_cursor *cur, struct cr_grant *grant)
{
	int r = allocate(grant, 1);

	if (r < 0)
		return r;
	grant->epochs = 1;
	grant->epoch->epoch = get_epoch(cur);
	get_key(cur, &grant->epoch->psk);
	get_key(cur, &grant->domain_secret);
	if (grant->epoch->epoch < 1)
		return cr_fail(CR_ECORRUPT, "grant: cut short or of no epoch");
	return 0;
}

int cr_grant_parse(enum cr_role role, struct cr_piece plain,
		   struct cr_grant *ret)
{
	cr_cleanup(cr_grant_release) struct cr_grant grant = { 0 };
	struct cr_cursor cur = cr_cursor(plain.bytes, plain.len);
	int r;

	if (role == CR_ROLE_READ)
		r = parse_read(&cur, &grant);
	else if (role == CR_ROLE_PUT)
		r = parse_put(&cur, &grant);
	else
		return cr_fail(CR_ECORRUPT, "grant to a key of role %d",
			       (int)role);
	if (r < 0)
		return r;
	if (!cr_cursor_done(&cur))
		return cr_fail(CR_ECORRUPT, "grant: %zu bytes do not add up",
			       plain.len);
	/* Not cr_take(): it would leave a copy of the secret behind. */
	*ret = grant;
	grant.epoch = NULL;
	return 0;
}

void cr_grant_release(struct cr_grant *grant)
{
	cr_secret_free(grant->epoch);
	cr_wipe(grant, sizeof(*grant));
}
