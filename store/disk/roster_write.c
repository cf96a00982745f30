/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/roster_write.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/secret.h"
#include "store/codec/roster_encode.h"
#include "store/codec/seal.h"
#include "store/codec/slot_encode.h"
#include "store/disk/derive.h"
#include "store/disk/roster_chain.h"
#include "store/disk/slots.h"

static void wipe_epoch(struct cr_grant_epoch *epoch)
{
	cr_wipe(epoch, sizeof(*epoch));
}

static int too_many(const char *what, unsigned int max)
{
	return cr_fail(CR_EUSAGE, "a repository has at most %u %s", max, what);
}

/* Seal the secrets of all domains to the newest epoch's readers. */
static int box_domains(struct cr_roster *roster, const struct cr_key *s)
{
	const struct cr_box_pk *pk = &roster->epoch[roster->epochs - 1].meta;
	int r = 0;

	for (uint32_t i = 0; i < roster->domains && r == 0; i++) {
		cr_cleanup(cr_key_wipe) struct cr_key d;

		cr_owner_domain(s, &roster->domain[i].id, &d);
		r = cr_box_seal(pk, (struct cr_piece)CR_PIECE(&d),
				roster->domain[i].sealed);
		roster->domain[i].epoch = roster->epochs;
	}
	return r;
}

int cr_roster_add_epoch(struct cr_roster *roster, const struct cr_key *s)
{
	cr_cleanup(wipe_epoch) struct cr_grant_epoch made;
	struct cr_roster_epoch *bigger;

	if (roster->epochs == CR_ROSTER_EPOCHS)
		return too_many("epochs", CR_ROSTER_EPOCHS);
	bigger = reallocarray(roster->epoch, roster->epochs + 1,
			      sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	roster->epoch = bigger;
	cr_owner_epoch(s, roster->epochs + 1, &made);
	bigger[roster->epochs].meta = cr_box_public(&made.meta_seed);
	bigger[roster->epochs].data = cr_box_public(&made.data_seed);
	roster->epochs++;
	return box_domains(roster, s);
}

int cr_roster_add_domain(struct cr_roster *roster, const struct cr_key *s,
			 struct cr_uid *id)
{
	const struct cr_box_pk *pk = &roster->epoch[roster->epochs - 1].meta;
	struct cr_roster_domain domain = { .epoch = roster->epochs };
	cr_cleanup(cr_key_wipe) struct cr_key d;
	struct cr_roster_domain *bigger;
	uint32_t at = roster->domains;
	int r;

	if (roster->domains == CR_ROSTER_DOMAINS)
		return too_many("domains", CR_ROSTER_DOMAINS);
	cr_random(domain.id.bytes, sizeof(domain.id.bytes));
	cr_owner_domain(s, &domain.id, &d);
	r = cr_box_seal(pk, (struct cr_piece)CR_PIECE(&d), domain.sealed);
	if (r < 0)
		return r;
	bigger = reallocarray(roster->domain, roster->domains + 1,
			      sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	roster->domain = bigger;
	for (; at > 0 &&
	       memcmp(&bigger[at - 1].id, &domain.id, sizeof(domain.id)) > 0;
	     at--)
		bigger[at] = bigger[at - 1];
	bigger[at] = domain;
	roster->domains++;
	*id = domain.id;
	return 0;
}

/* What @key is granted, in plain. */
static int make_grant(const struct cr_roster *roster, const struct cr_key *s,
		      const struct cr_roster_key *key, struct cr_buf *out)
{
	cr_cleanup(cr_grant_release) struct cr_grant grant = { 0 };
	bool reads = key->role == CR_ROLE_READ;
	uint32_t first = reads ? 1 : roster->epochs;

	grant.epoch = cr_secret_alloc((roster->epochs - first + 1) *
				      sizeof(*grant.epoch));
	if (!grant.epoch)
		return -ENOMEM;
	for (uint32_t e = first; e <= roster->epochs; e++)
		cr_owner_epoch(s, e, &grant.epoch[grant.epochs++]);
	if (!reads)
		cr_owner_domain(s, &key->domain, &grant.domain_secret);
	return cr_grant_encode((enum cr_role)key->role, &grant, out);
}

int cr_roster_grant(const struct cr_roster *roster, const struct cr_key *s,
		    struct cr_roster_key *key)
{
	cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
	cr_cleanup(cr_freep) uint8_t *grant = NULL;
	size_t len = 0;
	int r;

	if (key->role != CR_ROLE_OWNER && !key->revoked) {
		r = make_grant(roster, s, key, &plain);
		if (r < 0)
			return r;
		len = plain.len + CR_BOX_OVERHEAD;
		grant = malloc(len);
		if (!grant)
			return -ENOMEM;
		r = cr_box_seal(&key->box_pk,
				(struct cr_piece){ plain.bytes, plain.len },
				grant);
		if (r < 0)
			return r;
	}
	free(key->grant);
	key->grant = cr_take(grant);
	key->grant_len = (uint32_t)len;
	return 0;
}

static void release_key(struct cr_roster_key *key)
{
	free(key->source);
	free(key->grant);
}

int cr_roster_add_key(struct cr_roster *roster, const struct cr_key *s,
		      struct cr_roster_key *key)
{
	cr_cleanup(release_key) struct cr_roster_key taken = cr_take(*key);
	struct cr_roster_key *bigger;
	int r;

	if (roster->keys == CR_ROSTER_KEYS)
		return too_many("keys", CR_ROSTER_KEYS);
	r = cr_roster_grant(roster, s, &taken);
	if (r < 0)
		return r;
	bigger = reallocarray(roster->key, roster->keys + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	roster->key = bigger;
	bigger[roster->keys++] = cr_take(taken);
	return 0;
}

static void owner_seed(const struct cr_key *s, struct cr_key *out)
{
	cr_kdf(s, "owner-sign", NULL, 0, out);
}

/* Append a signature over everything in @buf. */
static int append_signature(struct cr_buf *buf, const struct cr_key *seed,
			    const char *label, const char *hash_label)
{
	struct cr_signature sig;
	struct cr_id hash;

	if (cr_buf_error(buf) < 0)
		return -ENOMEM;
	hash = cr_hash_bytes(hash_label, buf->bytes, buf->len);
	sig = cr_sign(seed, label, &hash);
	cr_buf_put(buf, sig.bytes, sizeof(sig.bytes));
	return cr_buf_error(buf);
}

/* Append @plain, sealed with the @head_len bytes at the start of @buf. */
static int append_sealed(struct cr_buf *buf, size_t head_len,
			 const struct cr_key *key, struct cr_piece plain)
{
	int r = cr_buf_error(buf);

	/* The associated data lies in @buf: it must not move. */
	if (r == 0)
		r = cr_buf_reserve(buf, plain.len + CR_SEAL_OVERHEAD);
	if (r < 0)
		return r;
	assert(buf->len == head_len);
	return cr_seal_append(key, (struct cr_piece){ buf->bytes, head_len },
			      plain, buf);
}

int cr_roster_put(struct cr_storage_w *w, const struct cr_key *s,
		  const struct cr_roster_place *place, struct cr_roster *roster)
{
	cr_cleanup(cr_buf_release) struct cr_buf body = { 0 }, out = { 0 };
	cr_cleanup(cr_key_wipe) struct cr_key seed, key;
	struct cr_roster_head head = {
		.repository = place->repository,
		.n = place->n,
		.prev = place->prev,
	};
	char name[CR_ROSTER_NAME_LEN];
	int r;

	roster->time = (int64_t)time(NULL);
	r = cr_roster_encode(roster, &body);
	if (r < 0)
		return r;
	if (body.len + CR_ROSTER_HEAD_LEN + CR_SEAL_OVERHEAD + CR_SIGN_LEN >
	    CR_ROSTER_MAX)
		return cr_fail(CR_EUSAGE, "the key list is full: %zu bytes",
			       body.len);
	head.body_len = (uint32_t)body.len;
	cr_roster_head_encode(&head, &out);
	cr_kdf(s, "roster", NULL, 0, &key);
	r = append_sealed(&out, CR_ROSTER_HEAD_LEN, &key,
			  (struct cr_piece){ body.bytes, body.len });
	if (r < 0)
		return r;
	owner_seed(s, &seed);
	r = append_signature(&out, &seed, "sign-roster", "roster-sig");
	if (r < 0)
		return r;
	cr_roster_name(place->n, name);
	return cr_storage_put(w, name, out.bytes, out.len);
}

static int check_wrap(const struct cr_slot_secret *wrap)
{
	if (wrap->method == CR_SLOT_KEY_FILE)
		return wrap->secret->len == CR_KEY_LEN
			       ? 0
			       : cr_fail(CR_EUSAGE,
					 "a key file holds %d bytes, not %zu",
					 CR_KEY_LEN, wrap->secret->len);
	if (wrap->secret->len == 0)
		return cr_fail(CR_EUSAGE, "the passphrase is empty");
	if (wrap->passes < CR_ARGON_PASSES_MIN ||
	    wrap->passes > CR_ARGON_PASSES_MAX ||
	    wrap->mib < CR_ARGON_MIB_MIN || wrap->mib > CR_ARGON_MIB_MAX)
		return cr_fail(CR_EUSAGE,
			       "%" PRIu32 " passes over %" PRIu32
			       " MiB: must be %d to %d over %d to %d",
			       wrap->passes, wrap->mib, CR_ARGON_PASSES_MIN,
			       CR_ARGON_PASSES_MAX, CR_ARGON_MIB_MIN,
			       CR_ARGON_MIB_MAX);
	return 0;
}

static void init_slot(struct cr_slot *slot, const struct cr_uid *repository,
		      const struct cr_bundle *bundle,
		      const struct cr_slot_secret *wrap)
{
	*slot = (struct cr_slot){
		.repository = *repository,
		.key = bundle->key,
		.method = (uint8_t)wrap->method,
		.role = bundle->role,
	};
	cr_random(slot->id.bytes, sizeof(slot->id.bytes));
	if (wrap->method == CR_SLOT_KEY_FILE)
		return;
	slot->argon.passes = wrap->passes;
	slot->argon.mib = wrap->mib;
	cr_random(slot->argon.salt, sizeof(slot->argon.salt));
}

static int encode_slot(const struct cr_slot *slot,
		       const struct cr_bundle *bundle, const struct cr_key *key,
		       struct cr_buf *out)
{
	cr_cleanup(cr_key_wipe) struct cr_key seed;
	uint8_t plain[CR_BUNDLE_MAX];
	size_t len = cr_bundle_encode(bundle, plain);
	int r;

	cr_slot_head_encode(slot, (uint32_t)len, out);
	r = append_sealed(out, CR_SLOT_HEAD_LEN, key,
			  (struct cr_piece){ plain, len });
	cr_wipe(plain, sizeof(plain));
	if (r < 0)
		return r;
	cr_bundle_sign_seed(bundle, &seed);
	return append_signature(out, &seed, "sign-slot", "slot");
}

int cr_slot_put(struct cr_storage_w *w, const struct cr_uid *repository,
		const struct cr_bundle *bundle,
		const struct cr_slot_secret *wrap, struct cr_uid *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	cr_cleanup(cr_key_wipe) struct cr_key key;
	char name[CR_SLOT_NAME_LEN];
	struct cr_slot slot;
	int r = check_wrap(wrap);

	if (r < 0)
		return r;
	init_slot(&slot, repository, bundle, wrap);
	r = cr_slot_wrap_key(
		&slot,
		(struct cr_piece){ wrap->secret->bytes, wrap->secret->len },
		&key);
	if (r < 0)
		return r;
	slot.commitment = cr_slot_commitment(&slot.id, &key);
	r = encode_slot(&slot, bundle, &key, &out);
	if (r < 0)
		return r;
	cr_slot_name(&slot.id, name);
	r = cr_storage_put(w, name, out.bytes, out.len);
	if (r < 0)
		return r;
	*id = slot.id;
	return 0;
}
