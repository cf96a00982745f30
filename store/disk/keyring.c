/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/keyring.h"

#include <errno.h>
#include <inttypes.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/put.h"
#include "store/base/secret.h"
#include "store/codec/manifest.h"
#include "store/disk/derive.h"

struct epoch_keys {
	struct cr_box_pk meta_pk;
	struct cr_box_pk data_pk;
	struct cr_grant_epoch secret;
	bool has_psk;
	bool has_seeds;
};

/* One guarded piece of memory; the arrays lie behind the struct. */
struct cr_keyring {
	enum cr_role role;
	struct cr_uid id;
	struct cr_uid domain;
	struct cr_key sign_seed;
	struct epoch_keys *epoch; /* epoch e is epoch[e - 1] */
	uint32_t epochs;
	struct cr_domain_keys *domains;
	uint32_t domain_count;
};

static struct cr_keyring *alloc_ring(uint32_t epochs, uint32_t domains)
{
	/* Guarded memory ends at a page's end, so its length aligns it. */
	const size_t align = _Alignof(max_align_t);
	size_t head = (sizeof(struct cr_keyring) + align - 1) / align * align;
	size_t len = head + epochs * sizeof(struct epoch_keys) +
		     domains * sizeof(struct cr_domain_keys);
	uint8_t *memory = cr_secret_alloc((len + align - 1) / align * align);
	struct cr_keyring *ring = (void *)memory;

	if (!ring)
		return NULL;
	ring->epoch = (void *)(memory + head);
	ring->epochs = epochs;
	ring->domains = (void *)(ring->epoch + epochs);
	return ring;
}

void cr_keyring_free(struct cr_keyring *ring)
{
	cr_secret_free(ring);
}

static bool same_public(const struct cr_key *seed, const struct cr_box_pk *pk)
{
	struct cr_box_pk made = cr_box_public(seed);

	return memcmp(made.bytes, pk->bytes, sizeof(made.bytes)) == 0;
}

/* Take in the secrets of one epoch, seeds and all. */
static int add_epoch(struct cr_keyring *ring, const struct cr_grant_epoch *from)
{
	struct epoch_keys *epoch;

	if (from->epoch < 1 || from->epoch > ring->epochs)
		return cr_fail(CR_ECORRUPT,
			       "roster: a grant is of epoch %" PRIu32
			       ", which is not listed",
			       from->epoch);
	epoch = &ring->epoch[from->epoch - 1];
	if (!same_public(&from->meta_seed, &epoch->meta_pk) ||
	    !same_public(&from->data_seed, &epoch->data_pk))
		return cr_fail(CR_ECORRUPT,
			       "roster: the public keys of epoch %" PRIu32
			       " are not those of its secrets",
			       from->epoch);
	epoch->secret = *from;
	epoch->has_seeds = true;
	epoch->has_psk = true;
	return 0;
}

/* Open the secret of each domain, as far as the epochs we have reach. */
static int add_domains(struct cr_keyring *ring, const struct cr_roster *roster)
{
	for (uint32_t i = 0; i < roster->domains; i++) {
		const struct cr_roster_domain *domain = &roster->domain[i];
		const struct epoch_keys *epoch =
			&ring->epoch[domain->epoch - 1];
		cr_cleanup(cr_key_wipe) struct cr_key d;

		if (!epoch->has_seeds)
			continue;
		if (cr_box_open(&epoch->secret.meta_seed,
				(struct cr_piece)CR_PIECE(&domain->sealed),
				d.bytes) < 0)
			return cr_fail(CR_ECORRUPT,
				       "roster: domain %s does not open",
				       cr_uid_hex(&domain->id).text);
		cr_domain_derive(&domain->id, &d,
				 &ring->domains[ring->domain_count++]);
	}
	return 0;
}

static int fill_owner(struct cr_keyring *ring, const struct cr_bundle *bundle,
		      const struct cr_roster *roster)
{
	for (uint32_t e = 1; e <= ring->epochs; e++) {
		struct cr_grant_epoch epoch;
		int r;

		cr_owner_epoch(&bundle->secret, e, &epoch);
		r = add_epoch(ring, &epoch);
		cr_wipe(&epoch, sizeof(epoch));
		if (r < 0)
			return r;
	}
	return add_domains(ring, roster);
}

static int open_grant(const struct cr_bundle *bundle,
		      const struct cr_roster_key *key, struct cr_grant *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
	uint8_t *at;

	if (key->grant_len < CR_BOX_OVERHEAD)
		return cr_fail(CR_ECORRUPT, "roster: a grant is too short");
	at = cr_buf_extend(&plain, key->grant_len);
	if (!at)
		return -ENOMEM;
	plain.len -= CR_BOX_OVERHEAD;
	if (cr_box_open(&bundle->box_seed,
			(struct cr_piece){ key->grant, key->grant_len },
			at) < 0)
		return cr_fail(CR_ECORRUPT,
			       "roster: the grant of key %s does not open",
			       cr_uid_hex(&key->id).text);
	return cr_grant_parse((enum cr_role)key->role,
			      (struct cr_piece){ plain.bytes, plain.len }, ret);
}

static int fill_read(struct cr_keyring *ring, const struct cr_grant *grant,
		     const struct cr_roster *roster)
{
	for (uint32_t i = 0; i < grant->epochs; i++) {
		int r = add_epoch(ring, &grant->epoch[i]);

		if (r < 0)
			return r;
	}
	return add_domains(ring, roster);
}

static int fill_put(struct cr_keyring *ring, const struct cr_grant *grant)
{
	struct epoch_keys *newest = &ring->epoch[ring->epochs - 1];

	if (grant->epochs != 1 || grant->epoch[0].epoch != ring->epochs)
		return cr_fail(CR_ECORRUPT,
			       "roster: the grant of key %s is not of the "
			       "newest epoch",
			       cr_uid_hex(&ring->id).text);
	newest->secret.epoch = ring->epochs;
	newest->secret.psk = grant->epoch[0].psk;
	newest->has_psk = true;
	cr_domain_derive(&ring->domain, &grant->domain_secret,
			 &ring->domains[ring->domain_count++]);
	return 0;
}

/* The roster's entry for the key in @bundle, if it is that and may be used. */
static int find_admitted(const struct cr_bundle *bundle,
			 const struct cr_roster *roster,
			 const struct cr_roster_key **ret)
{
	const struct cr_roster_key *key = cr_roster_find(roster, &bundle->key);
	cr_cleanup(cr_key_wipe) struct cr_key seed;
	struct cr_sign_pk pk;

	cr_bundle_sign_seed(bundle, &seed);
	pk = cr_sign_public(&seed);
	if (!key || key->role != bundle->role ||
	    memcmp(key->sign_pk.bytes, pk.bytes, sizeof(pk.bytes)) != 0)
		return cr_fail(CR_ECAPABILITY,
			       "key %s was never admitted to the repository",
			       cr_uid_hex(&bundle->key).text);
	if (key->revoked)
		return cr_fail(CR_ECAPABILITY, "key %s (%s) was revoked",
			       cr_uid_hex(&key->id).text, key->label);
	*ret = key;
	return 0;
}

static int fill(struct cr_keyring *ring, const struct cr_bundle *bundle,
		const struct cr_roster *roster, const struct cr_roster_key *key)
{
	cr_cleanup(cr_grant_release) struct cr_grant grant = { 0 };
	int r;

	ring->role = (enum cr_role)bundle->role;
	ring->id = bundle->key;
	ring->domain = key->domain;
	cr_bundle_sign_seed(bundle, &ring->sign_seed);
	for (uint32_t i = 0; i < ring->epochs; i++) {
		ring->epoch[i].meta_pk = roster->epoch[i].meta;
		ring->epoch[i].data_pk = roster->epoch[i].data;
	}
	if (ring->role == CR_ROLE_OWNER)
		return fill_owner(ring, bundle, roster);
	r = open_grant(bundle, key, &grant);
	if (r < 0)
		return r;
	return ring->role == CR_ROLE_READ ? fill_read(ring, &grant, roster)
					  : fill_put(ring, &grant);
}

int cr_keyring_new(const struct cr_bundle *bundle,
		   const struct cr_roster *roster, struct cr_keyring **ret)
{
	cr_cleanup(cr_keyring_freep) struct cr_keyring *ring = NULL;
	const struct cr_roster_key *key = NULL;
	int r = find_admitted(bundle, roster, &key);

	if (!key)
		return r;
	ring = alloc_ring(roster->epochs, cr_max(roster->domains, 1u));
	if (!ring)
		return -ENOMEM;
	r = fill(ring, bundle, roster, key);
	if (r < 0)
		return r;
	*ret = cr_take(ring);
	return 0;
}

enum cr_role cr_keyring_role(const struct cr_keyring *ring)
{
	return ring->role;
}

const struct cr_uid *cr_keyring_id(const struct cr_keyring *ring)
{
	return &ring->id;
}

const struct cr_uid *cr_keyring_domain(const struct cr_keyring *ring)
{
	return &ring->domain;
}

bool cr_keyring_reads(const struct cr_keyring *ring)
{
	return ring->role == CR_ROLE_OWNER || ring->role == CR_ROLE_READ;
}

bool cr_keyring_writes(const struct cr_keyring *ring)
{
	return ring->role == CR_ROLE_OWNER || ring->role == CR_ROLE_PUT;
}

uint32_t cr_keyring_epoch(const struct cr_keyring *ring)
{
	return ring->epochs;
}

const struct cr_domain_keys *cr_keyring_domain_keys(
	const struct cr_keyring *ring, const struct cr_uid *domain)
{
	for (uint32_t i = 0; i < ring->domain_count; i++)
		if (cr_uid_equal(&ring->domains[i].id, domain))
			return &ring->domains[i];
	return NULL;
}

struct cr_signature cr_keyring_sign(const struct cr_keyring *ring,
				    const char *label, const struct cr_id *hash)
{
	assert(cr_keyring_writes(ring));
	return cr_sign(&ring->sign_seed, label, hash);
}

/* What is sealed to an epoch's public key: to its data pair or the other. */
enum pair { PAIR_META, PAIR_DATA };

static int open_sealed_key(const struct cr_keyring *ring, uint32_t number,
			   enum pair pair,
			   const uint8_t sealed[CR_SEALED_KEY_LEN],
			   struct cr_key *z)
{
	const struct epoch_keys *epoch;

	if (!cr_keyring_reads(ring))
		return cr_fail(CR_ECAPABILITY, "key %s may not read",
			       cr_uid_hex(&ring->id).text);
	if (number < 1 || number > ring->epochs ||
	    !ring->epoch[number - 1].has_seeds)
		return cr_fail(CR_ECAPABILITY,
			       "key %s was not granted epoch %" PRIu32,
			       cr_uid_hex(&ring->id).text, number);
	epoch = &ring->epoch[number - 1];
	return cr_box_open(pair == PAIR_DATA ? &epoch->secret.data_seed
					     : &epoch->secret.meta_seed,
			   (struct cr_piece){ sealed, CR_SEALED_KEY_LEN },
			   z->bytes);
}

static int make_sealed_key(const struct cr_keyring *ring, enum pair pair,
			   uint8_t sealed[CR_SEALED_KEY_LEN], struct cr_key *z)
{
	const struct epoch_keys *newest = &ring->epoch[ring->epochs - 1];

	if (!cr_keyring_writes(ring))
		return cr_fail(CR_ECAPABILITY, "key %s may not write",
			       cr_uid_hex(&ring->id).text);
	cr_random(z->bytes, sizeof(z->bytes));
	return cr_box_seal(pair == PAIR_DATA ? &newest->data_pk
					     : &newest->meta_pk,
			   (struct cr_piece)CR_PIECE(z), sealed);
}

static void derive_pack_key(const struct cr_keyring *ring,
			    const struct cr_pack_header *header,
			    const struct cr_key *z, struct cr_key *out)
{
	const struct cr_piece piece[] = {
		CR_PIECE(z),
		CR_PIECE(&header->repository),
		CR_PIECE(&header->pack),
	};

	cr_kdf(&ring->epoch[header->epoch - 1].secret.psk, "pack-key", piece,
	       CR_ARRAY_LEN(piece), out);
}

static enum pair pack_pair(const struct cr_pack_header *header)
{
	return header->kind == CR_PACK_DATA ? PAIR_DATA : PAIR_META;
}

int cr_keyring_pack_key(const struct cr_keyring *ring,
			const struct cr_pack_header *header, struct cr_key *out)
{
	cr_cleanup(cr_key_wipe) struct cr_key z;
	int r = open_sealed_key(ring, header->epoch, pack_pair(header),
				header->sealed_key, &z);

	if (r == -CR_EAUTH)
		return cr_fail(CR_EAUTH,
			       "pack %s: its sealed key does not open",
			       cr_uid_hex(&header->pack).text);
	if (r < 0)
		return r;
	derive_pack_key(ring, header, &z, out);
	return 0;
}

int cr_keyring_pack_key_make(const struct cr_keyring *ring,
			     struct cr_pack_header *header, struct cr_key *out)
{
	cr_cleanup(cr_key_wipe) struct cr_key z;
	int r = make_sealed_key(ring, pack_pair(header), header->sealed_key,
				&z);

	if (r < 0)
		return r;
	header->epoch = ring->epochs;
	derive_pack_key(ring, header, &z, out);
	return 0;
}

int cr_keyring_footer_key(const struct cr_keyring *ring,
			  const struct cr_pack_header *header,
			  struct cr_key *out)
{
	const struct cr_domain_keys *keys =
		cr_keyring_domain_keys(ring, &header->domain);

	if (!keys)
		return cr_fail(CR_ECAPABILITY,
			       "pack %s: this key does not have its domain",
			       cr_uid_hex(&header->pack).text);
	cr_kdf_bytes(&keys->footer_key, "footer-key", header->pack.bytes,
		     sizeof(header->pack.bytes), out);
	return 0;
}

struct cr_id cr_pack_commitment(const struct cr_key *data_key,
				const struct cr_uid *pack)
{
	return cr_commitment(data_key, "pack-commit", pack);
}

static void derive_manifest_key(const struct cr_keyring *ring,
				const struct cr_manifest_head *head,
				const struct cr_key *z, struct cr_key *out)
{
	uint8_t seq[8];
	const struct cr_piece piece[] = {
		CR_PIECE(z),
		CR_PIECE(&head->repository),
		CR_PIECE(&head->writer),
		CR_PIECE(&head->incarnation),
		CR_PIECE(&seq),
	};

	(void)cr_put_u64(seq, head->seq);
	cr_kdf(&ring->epoch[head->epoch - 1].secret.psk, "manifest-key", piece,
	       CR_ARRAY_LEN(piece), out);
}

int cr_keyring_manifest_key(const struct cr_keyring *ring,
			    const struct cr_manifest_head *head,
			    struct cr_key *out)
{
	cr_cleanup(cr_key_wipe) struct cr_key z;
	int r = open_sealed_key(ring, head->epoch, PAIR_META, head->sealed_key,
				&z);

	if (r == -CR_EAUTH)
		return cr_fail(CR_EAUTH,
			       "manifest %s-%" PRIu64
			       ": its sealed key does not open",
			       cr_uid_hex(&head->incarnation).text, head->seq);
	if (r < 0)
		return r;
	derive_manifest_key(ring, head, &z, out);
	return 0;
}

int cr_keyring_manifest_key_make(const struct cr_keyring *ring,
				 struct cr_manifest_head *head,
				 struct cr_key *out)
{
	cr_cleanup(cr_key_wipe) struct cr_key z;
	int r = make_sealed_key(ring, PAIR_META, head->sealed_key, &z);

	if (r < 0)
		return r;
	head->epoch = ring->epochs;
	derive_manifest_key(ring, head, &z, out);
	return 0;
}

int cr_keyring_state_key(const struct cr_keyring *ring, struct cr_key *out)
{
	const struct epoch_keys *newest = &ring->epoch[ring->epochs - 1];

	if (!cr_keyring_reads(ring) || !newest->has_seeds)
		return cr_fail(CR_ECAPABILITY, "key %s may not read",
			       cr_uid_hex(&ring->id).text);
	cr_kdf(&newest->secret.meta_seed, "state-manifests", NULL, 0, out);
	return 0;
}
