/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/roster.h"

#include <errno.h>
#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/codec/field.h"
#include "store/codec/manifest.h"

#define EPOCH_LEN      (CR_BOX_PK_LEN + CR_BOX_PK_LEN)
#define DOMAIN_LEN_MIN (CR_UID_LEN + 1 + CR_KEY_LEN + CR_BOX_OVERHEAD)
#define KEY_LEN_MIN                                                         \
	(CR_UID_LEN + 1 + CR_SIGN_PK_LEN + CR_BOX_PK_LEN + 1 + CR_UID_LEN + \
	 1 + 1 + 1)
#define SOURCE_LEN_MIN (1 + 1)

int cr_roster_head_parse(struct cr_piece bytes, struct cr_roster_head *ret)
{
	struct cr_cursor cur = cr_cursor(bytes.bytes, bytes.len);
	struct cr_roster_head head = { 0 };
	int r = cr_field_magic(&cur, "roster", CR_MAGIC_ROSTER);

	if (r < 0)
		return r;
	head.repository = cr_cursor_uid(&cur);
	head.n = cr_cursor_u64(&cur);
	head.prev = cr_cursor_id(&cur);
	head.body_len = cr_cursor_u32(&cur);
	if (cur.overrun || bytes.len > CR_ROSTER_MAX ||
	    cur.left !=
		    (uint64_t)head.body_len + CR_SEAL_OVERHEAD + CR_SIGN_LEN)
		return cr_fail(CR_ECORRUPT,
			       "roster: body of %" PRIu32 " bytes in %zu",
			       head.body_len, bytes.len);
	/* The first follows nothing; every other one follows something. */
	if (head.n < 1 || (head.n == 1) != cr_id_zero(&head.prev))
		return cr_fail(CR_ECORRUPT,
			       "roster: number %" PRIu64
			       " does not agree with its predecessor's hash",
			       head.n);
	*ret = head;
	return 0;
}

static int parse_epochs(struct cr_cursor *cur, struct cr_roster *roster)
{
	uint64_t count = cr_cursor_varint(cur);

	/* Before anything is allocated: a count must fit the bytes at hand. */
	if (count < 1 || count > CR_ROSTER_EPOCHS ||
	    cur->left < count * EPOCH_LEN)
		return cr_fail(CR_ECORRUPT,
			       "roster: %" PRIu64 " epochs in %zu bytes", count,
			       cur->left);
	roster->epoch = calloc(count, sizeof(*roster->epoch));
	if (!roster->epoch)
		return -ENOMEM;
	for (; roster->epochs < count; roster->epochs++) {
		struct cr_roster_epoch *e = &roster->epoch[roster->epochs];

		cr_cursor_bytes(cur, e->meta.bytes, sizeof(e->meta.bytes));
		cr_cursor_bytes(cur, e->data.bytes, sizeof(e->data.bytes));
	}
	return 0;
}

/* Domain number roster->domains. */
static int parse_domain(struct cr_cursor *cur, struct cr_roster *roster)
{
	uint32_t n = roster->domains;
	struct cr_roster_domain *domain = &roster->domain[n];

	domain->id = cr_cursor_uid(cur);
	domain->epoch = (uint32_t)cr_cursor_max(cur, roster->epochs);
	cr_cursor_bytes(cur, domain->sealed, sizeof(domain->sealed));
	if (cur->overrun || domain->epoch < 1)
		return cr_fail(CR_ECORRUPT,
			       "roster: domain %" PRIu32
			       " is cut short or of no epoch",
			       n);
	if (cr_uid_zero(&domain->id) ||
	    (n > 0 && memcmp(domain[-1].id.bytes, domain->id.bytes,
			     sizeof(domain->id.bytes)) >= 0))
		return cr_fail(CR_ECORRUPT,
			       "roster: domain %" PRIu32 " is out of order", n);
	return 0;
}

static int parse_domains(struct cr_cursor *cur, struct cr_roster *roster)
{
	uint64_t count = cr_cursor_varint(cur);

	if (cur->overrun || count > CR_ROSTER_DOMAINS ||
	    cur->left < count * DOMAIN_LEN_MIN)
		return cr_fail(CR_ECORRUPT,
			       "roster: %" PRIu64 " domains in %zu bytes",
			       count, cur->left);
	if (count == 0)
		return 0;
	roster->domain = calloc(count, sizeof(*roster->domain));
	if (!roster->domain)
		return -ENOMEM;
	for (; roster->domains < count; roster->domains++) {
		int r = parse_domain(cur, roster);

		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_label(struct cr_cursor *cur, struct cr_roster_key *key)
{
	struct cr_piece label = cr_field_string(cur, 0, CR_LABEL_MAX);

	/* It is kept as a C string. */
	if (cur->overrun ||
	    (label.len > 0 && memchr(label.bytes, '\0', label.len)))
		return cr_fail(CR_ECORRUPT, "roster: a label is not valid");
	memcpy(key->label, label.bytes, label.len);
	return 0;
}

static int parse_sources(struct cr_cursor *cur, struct cr_roster_key *key)
{
	uint64_t count = cr_cursor_varint(cur);

	if (cur->overrun || count > cur->left / SOURCE_LEN_MIN)
		return cr_fail(CR_ECORRUPT,
			       "roster: %" PRIu64 " sources in %zu bytes",
			       count, cur->left);
	if (count == 0)
		return 0;
	key->source = calloc(count, sizeof(*key->source));
	if (!key->source)
		return -ENOMEM;
	for (; key->sources < count; key->sources++) {
		struct cr_piece name = cr_field_string(cur, 1, CR_SOURCE_MAX);

		if (cur->overrun || !cr_source_valid(name))
			return cr_fail(CR_ECORRUPT,
				       "roster: a source's name is not valid");
		memcpy(key->source[key->sources], name.bytes, name.len);
	}
	return 0;
}

/* The last manifest that counts, when the key is revoked. */
static int parse_revoked(struct cr_cursor *cur, struct cr_roster_key *key)
{
	uint8_t revoked = cr_cursor_u8(cur);

	if (cur->overrun || revoked > 1)
		return cr_fail(CR_ECORRUPT, "roster: revocation of form %u",
			       revoked);
	key->revoked = revoked;
	if (!key->revoked)
		return 0;
	key->last_incarnation = cr_cursor_uid(cur);
	key->last_seq = cr_cursor_varint(cur);
	key->last_manifest = cr_cursor_id(cur);
	if (cur->overrun)
		return cr_fail(CR_ECORRUPT,
			       "roster: a revocation is cut short");
	if (key->last_seq == 0 && (!cr_uid_zero(&key->last_incarnation) ||
				   !cr_id_zero(&key->last_manifest)))
		return cr_fail(CR_ECORRUPT,
			       "roster: a revocation names a manifest 0");
	return 0;
}

static int parse_key_grant(struct cr_cursor *cur, struct cr_roster_key *key)
{
	bool none = key->role == CR_ROLE_OWNER || key->revoked;
	struct cr_piece grant = cr_field_string(cur, 0, CR_ROSTER_MAX);

	if (cur->overrun ||
	    (none ? grant.len != 0 : grant.len <= CR_BOX_OVERHEAD))
		return cr_fail(CR_ECORRUPT, "roster: grant of %zu bytes",
			       grant.len);
	if (none)
		return 0;
	key->grant = malloc(grant.len);
	if (!key->grant)
		return -ENOMEM;
	memcpy(key->grant, grant.bytes, grant.len);
	key->grant_len = (uint32_t)grant.len;
	return 0;
}

static int parse_key(struct cr_cursor *cur, struct cr_roster_key *key)
{
	int r;

	key->id = cr_cursor_uid(cur);
	key->role = cr_cursor_u8(cur);
	cr_cursor_bytes(cur, key->sign_pk.bytes, sizeof(key->sign_pk.bytes));
	cr_cursor_bytes(cur, key->box_pk.bytes, sizeof(key->box_pk.bytes));
	r = parse_label(cur, key);
	if (r < 0)
		return r;
	key->domain = cr_cursor_uid(cur);
	r = parse_sources(cur, key);
	if (r < 0)
		return r;
	r = parse_revoked(cur, key);
	if (r < 0)
		return r;
	return parse_key_grant(cur, key);
}

static bool has_domain(const struct cr_roster *roster, const struct cr_uid *id)
{
	for (uint32_t i = 0; i < roster->domains; i++)
		if (cr_uid_equal(&roster->domain[i].id, id))
			return true;
	return false;
}

/* What the fields of key @n may be together. */
static int check_key(const struct cr_roster *roster, uint32_t n)
{
	const struct cr_roster_key *key = &roster->key[n];

	if (key->role < CR_ROLE_OWNER || key->role > CR_ROLE_PUT ||
	    (key->role == CR_ROLE_OWNER) != (n == 0))
		return cr_fail(CR_ECORRUPT, "roster: key %" PRIu32 ": role %u",
			       n, key->role);
	if (key->role == CR_ROLE_OWNER && key->revoked)
		return cr_fail(CR_ECORRUPT, "roster: the owner is revoked");
	if (key->role == CR_ROLE_READ &&
	    (!cr_uid_zero(&key->domain) || key->sources || key->last_seq))
		return cr_fail(CR_ECORRUPT,
			       "roster: key %" PRIu32
			       " only reads, yet has a writer's fields",
			       n);
	if (key->role != CR_ROLE_READ && !has_domain(roster, &key->domain))
		return cr_fail(
			CR_ECORRUPT,
			"roster: key %" PRIu32 ": its domain is not listed", n);
	for (uint32_t i = 0; i < n; i++)
		if (cr_uid_equal(&roster->key[i].id, &key->id))
			return cr_fail(CR_ECORRUPT,
				       "roster: keys %" PRIu32 " and %" PRIu32
				       " have one id",
				       i, n);
	return 0;
}

static int parse_keys(struct cr_cursor *cur, struct cr_roster *roster)
{
	uint64_t count = cr_cursor_varint(cur);

	if (count < 1 || count > CR_ROSTER_KEYS ||
	    cur->left < count * KEY_LEN_MIN)
		return cr_fail(CR_ECORRUPT,
			       "roster: %" PRIu64 " keys in %zu bytes", count,
			       cur->left);
	roster->key = calloc(count, sizeof(*roster->key));
	if (!roster->key)
		return -ENOMEM;
	while (roster->keys < count) {
		/* Counted first, so that what it owns is released. */
		uint32_t n = roster->keys++;
		int r = parse_key(cur, &roster->key[n]);

		if (r == 0)
			r = check_key(roster, n);
		if (r < 0)
			return r;
	}
	return 0;
}

static int source_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No source is granted twice, what revoked keys once had left aside. */
static int check_sources(const struct cr_roster *roster)
{
	cr_cleanup(cr_freep) const char **name = NULL;
	size_t room = 0, count = 0;

	for (uint32_t k = 0; k < roster->keys; k++)
		room += roster->key[k].sources;
	if (room == 0)
		return 0;
	name = calloc(room, sizeof(*name));
	if (!name)
		return -ENOMEM;
	for (uint32_t k = 0; k < roster->keys; k++)
		for (uint32_t s = 0; s < roster->key[k].sources; s++)
			if (!roster->key[k].revoked)
				name[count++] = roster->key[k].source[s];
	qsort(name, count, sizeof(*name), source_order);
	for (size_t i = 1; i < count; i++)
		if (strcmp(name[i - 1], name[i]) == 0)
			return cr_fail(CR_ECORRUPT,
				       "roster: source %s is granted twice",
				       name[i]);
	return 0;
}

int cr_roster_parse(struct cr_piece body, struct cr_roster *ret)
{
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };
	struct cr_cursor cur = cr_cursor(body.bytes, body.len);
	int r;

	if (body.len > CR_ROSTER_MAX)
		return cr_fail(CR_ECORRUPT, "roster: body of %zu bytes",
			       body.len);
	roster.repository_hash = cr_cursor_id(&cur);
	roster.time = (int64_t)cr_cursor_u64(&cur);
	r = parse_epochs(&cur, &roster);
	if (r < 0)
		return r;
	r = parse_domains(&cur, &roster);
	if (r < 0)
		return r;
	r = parse_keys(&cur, &roster);
	if (r < 0)
		return r;
	if (!cr_cursor_done(&cur))
		return cr_fail(CR_ECORRUPT,
			       "roster: %zu bytes after the last key",
			       cur.left);
	r = check_sources(&roster);
	if (r < 0)
		return r;
	*ret = cr_take(roster);
	return 0;
}

void cr_roster_release(struct cr_roster *roster)
{
	for (uint32_t i = 0; i < roster->keys; i++) {
		free(roster->key[i].source);
		free(roster->key[i].grant);
	}
	free(roster->epoch);
	free(roster->domain);
	free(roster->key);
	*roster = (struct cr_roster){ 0 };
}

const struct cr_roster_key *cr_roster_find(const struct cr_roster *roster,
					   const struct cr_uid *id)
{
	for (uint32_t i = 0; i < roster->keys; i++)
		if (cr_uid_equal(&roster->key[i].id, id))
			return &roster->key[i];
	return NULL;
}

bool cr_roster_names(const struct cr_roster_key *key, struct cr_piece source)
{
	for (uint32_t i = 0; i < key->sources; i++)
		if (strlen(key->source[i]) == source.len &&
		    memcmp(key->source[i], source.bytes, source.len) == 0)
			return true;
	return false;
}
