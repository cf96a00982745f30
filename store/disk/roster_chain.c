/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/roster_chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "store/codec/seal.h"

void cr_roster_name(uint64_t n, char out[CR_ROSTER_NAME_LEN])
{
	(void)snprintf(out, CR_ROSTER_NAME_LEN, "keys/roster/%" PRIu64, n);
}

void cr_roster_chain_release(struct cr_roster_chain *chain)
{
	cr_roster_release(&chain->newest);
	free(chain->hash);
	free(chain->damage);
	*chain = (struct cr_roster_chain){ 0 };
}

/* Decimal without leading zeros; 0 when it is not such a number. */
static uint64_t parse_number(const char *name)
{
	uint64_t n = 0;

	if (*name == '0')
		return 0;
	for (; *name; name++)
		if (*name < '0' || *name > '9' ||
		    __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*name - '0'), &n))
			return 0;
	return n;
}

/* More older ones than this cannot be missing: a name was forged. */
#define GAPS_MAX 64

struct names {
	uint64_t newest;
	uint64_t count;
};

static int note_name(void *arg, const char *name, uint64_t size)
{
	struct names *names = arg;
	uint64_t n = parse_number(name);

	(void)size;
	names->newest = cr_max(names->newest, n);
	names->count += n > 0;
	return 0;
}

/* What an older roster may be: it is superseded, the newest says all. */
static bool is_rot(const struct names *names, uint64_t n, int error)
{
	if (n == names->newest)
		return false;
	if (error == -CR_EMISSING)
		return names->newest - names->count <= GAPS_MAX;
	return error == -CR_ECORRUPT || error == -CR_EVERSION;
}

/*
 * Read roster @n: authentic, of this repository, and the one after @prev (NULL:
 * that one is damaged or gone, so there is nothing to compare with).
 */
static int read_roster(const struct cr_storage *storage,
		       const struct cr_roster_trust *trust, uint64_t n,
		       const struct cr_id *prev, struct cr_buf *bytes)
{
	struct cr_roster_head head;
	char name[CR_ROSTER_NAME_LEN];
	struct cr_signature sig;
	struct cr_id hash;
	size_t covered;
	int r;

	cr_roster_name(n, name);
	r = cr_storage_get(storage, name, CR_ROSTER_MAX, bytes);
	if (r == -ENOENT)
		return cr_fail(CR_EMISSING, "%s: missing", name);
	if (r < 0)
		return r;
	r = cr_roster_head_parse((struct cr_piece){ bytes->bytes, bytes->len },
				 &head);
	if (r < 0)
		return cr_fail(-r, "%s: %s", name, cr_detail());
	covered = bytes->len - sizeof(sig.bytes);
	memcpy(sig.bytes, bytes->bytes + covered, sizeof(sig.bytes));
	hash = cr_hash_bytes("roster-sig", bytes->bytes, covered);
	if (cr_sign_verify(&trust->owner, "sign-roster", &hash, &sig) < 0)
		return cr_fail(CR_ECORRUPT, "%s: signature does not verify",
			       name);
	if (!cr_uid_equal(&head.repository, &trust->repository))
		return cr_fail(CR_ETAMPER, "%s: of another repository", name);
	if (head.n != n)
		return cr_fail(CR_ETAMPER, "%s: is roster %" PRIu64, name,
			       head.n);
	if (prev && !cr_id_equal(&head.prev, prev))
		return cr_fail(CR_ETAMPER,
			       "%s: does not follow the roster before it",
			       name);
	return 0;
}

static int open_body(const struct cr_buf *bytes,
		     const struct cr_roster_trust *trust, uint64_t n,
		     struct cr_roster *ret)
{
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf body = { 0 };
	const struct cr_piece ad = { bytes->bytes, CR_ROSTER_HEAD_LEN };
	const struct cr_piece sealed = {
		bytes->bytes + CR_ROSTER_HEAD_LEN,
		bytes->len - CR_ROSTER_HEAD_LEN - CR_SIGN_LEN,
	};
	char name[CR_ROSTER_NAME_LEN];
	int r;

	cr_roster_name(n, name);
	r = cr_open_append(trust->key, ad, sealed, &body);
	if (r == -CR_EAUTH)
		return cr_fail(CR_ECORRUPT, "%s: does not open", name);
	if (r < 0)
		return r;
	r = cr_roster_parse((struct cr_piece){ body.bytes, body.len }, &roster);
	if (r < 0)
		return r == -ENOMEM ? r
				    : cr_fail(-r, "%s: %s", name, cr_detail());
	if (!cr_id_equal(&roster.repository_hash, &trust->repository_hash) ||
	    memcmp(&roster.key[0].sign_pk, &trust->owner,
		   sizeof(trust->owner)) != 0)
		return cr_fail(CR_ETAMPER, "%s: of another repository or owner",
			       name);
	*ret = cr_take(roster);
	return 0;
}

static int append_hash(struct cr_roster_chain *chain, const struct cr_id *hash)
{
	struct cr_id *bigger =
		reallocarray(chain->hash, chain->n + 1, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	chain->hash = bigger;
	chain->hash[chain->n++] = *hash;
	return 0;
}

/* Add the roster in @bytes, which is good. */
static int append_good(struct cr_roster_chain *chain,
		       const struct cr_buf *bytes)
{
	struct cr_id hash = cr_hash_bytes("roster", bytes->bytes, bytes->len);
	struct cr_roster_head head;
	int r = cr_roster_head_parse(
		(struct cr_piece){ bytes->bytes, bytes->len }, &head);

	/* Of one that rotted, the next one says what it was. */
	if (r == 0 && chain->n > 0)
		chain->hash[chain->n - 1] = head.prev;
	return r < 0 ? r : append_hash(chain, &hash);
}

/* Keep the first sentence of what is wrong with an older roster. */
static int note_damage(struct cr_roster_chain *chain)
{
	if (!chain->damage)
		chain->damage = strdup(cr_detail());
	return chain->damage ? 0 : -ENOMEM;
}

int cr_roster_chain_newest(const struct cr_storage *storage, uint64_t *ret)
{
	struct names names = { 0 };
	int r = cr_storage_list(storage, "keys/roster", false, note_name,
				&names);

	if (r == 0)
		*ret = names.newest;
	return r;
}

int cr_roster_chain_read(const struct cr_storage *storage,
			 const struct cr_roster_trust *trust,
			 struct cr_roster_chain *ret)
{
	cr_cleanup(
		cr_roster_chain_release) struct cr_roster_chain chain = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	const struct cr_id none = { 0 };
	const struct cr_id *prev = &none;
	struct names names = { 0 };
	bool rotten;
	int r;

	r = cr_storage_list(storage, "keys/roster", false, note_name, &names);
	if (r < 0)
		return r;
	if (names.newest == 0)
		return cr_fail(CR_EMISSING, "keys/roster/1: missing");
	while (chain.n < names.newest) {
		cr_buf_clear(&bytes);
		r = read_roster(storage, trust, chain.n + 1, prev, &bytes);
		rotten = is_rot(&names, chain.n + 1, r);
		if (rotten)
			r = note_damage(&chain);
		if (r == 0)
			r = rotten ? append_hash(&chain, &none)
				   : append_good(&chain, &bytes);
		if (r < 0)
			return r;
		prev = rotten ? NULL : &chain.hash[chain.n - 1];
	}
	r = open_body(&bytes, trust, names.newest, &chain.newest);
	if (r < 0)
		return r;
	*ret = cr_take(chain);
	return 0;
}
