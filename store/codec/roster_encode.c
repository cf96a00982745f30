/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/roster_encode.h"

#include "store/base/buf.h"

void cr_roster_head_encode(const struct cr_roster_head *head,
			   struct cr_buf *out)
{
	cr_buf_put(out, CR_MAGIC_ROSTER, CR_MAGIC_LEN);
	cr_buf_u32(out, CR_FORMAT_VERSION);
	cr_buf_uid(out, &head->repository);
	cr_buf_u64(out, head->n);
	cr_buf_id(out, &head->prev);
	cr_buf_u32(out, head->body_len);
}

static void put_key(const struct cr_roster_key *key, struct cr_buf *out)
{
	cr_buf_uid(out, &key->id);
	cr_buf_u8(out, key->role);
	cr_buf_put(out, key->sign_pk.bytes, sizeof(key->sign_pk.bytes));
	cr_buf_put(out, key->box_pk.bytes, sizeof(key->box_pk.bytes));
	cr_buf_string(out, key->label, strlen(key->label));
	cr_buf_uid(out, &key->domain);
	cr_buf_varint(out, key->sources);
	for (uint32_t i = 0; i < key->sources; i++)
		cr_buf_string(out, key->source[i], strlen(key->source[i]));
	cr_buf_u8(out, key->revoked);
	if (key->revoked) {
		cr_buf_uid(out, &key->last_incarnation);
		cr_buf_varint(out, key->last_seq);
		cr_buf_id(out, &key->last_manifest);
	}
	cr_buf_string(out, key->grant, key->grant_len);
}

int cr_roster_encode(const struct cr_roster *roster, struct cr_buf *out)
{
	cr_buf_id(out, &roster->repository_hash);
	cr_buf_u64(out, (uint64_t)roster->time);
	cr_buf_varint(out, roster->epochs);
	for (uint32_t i = 0; i < roster->epochs; i++) {
		cr_buf_put(out, roster->epoch[i].meta.bytes, CR_BOX_PK_LEN);
		cr_buf_put(out, roster->epoch[i].data.bytes, CR_BOX_PK_LEN);
	}
	cr_buf_varint(out, roster->domains);
	for (uint32_t i = 0; i < roster->domains; i++) {
		const struct cr_roster_domain *domain = &roster->domain[i];

		cr_buf_uid(out, &domain->id);
		cr_buf_varint(out, domain->epoch);
		cr_buf_put(out, domain->sealed, sizeof(domain->sealed));
	}
	cr_buf_varint(out, roster->keys);
	for (uint32_t i = 0; i < roster->keys; i++)
		put_key(&roster->key[i], out);
	return cr_buf_error(out);
}

static void put_secret(const struct cr_key *key, struct cr_buf *out)
{
	cr_buf_put(out, key->bytes, sizeof(key->bytes));
}

int cr_grant_encode(enum cr_role role, const struct cr_grant *grant,
		    struct cr_buf *out)
{
	assert(role == CR_ROLE_READ || role == CR_ROLE_PUT);
	if (role == CR_ROLE_PUT) {
		assert(grant->epochs == 1);
		cr_buf_varint(out, grant->epoch->epoch);
		put_secret(&grant->epoch->psk, out);
		put_secret(&grant->domain_secret, out);
		return cr_buf_error(out);
	}
	cr_buf_varint(out, grant->epochs);
	for (uint32_t i = 0; i < grant->epochs; i++) {
		const struct cr_grant_epoch *e = &grant->epoch[i];

		cr_buf_varint(out, e->epoch);
		put_secret(&e->meta_seed, out);
		put_secret(&e->data_seed, out);
		put_secret(&e->psk, out);
	}
	return cr_buf_error(out);
}
