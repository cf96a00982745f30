/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/manifest_object.h"

#include <inttypes.h>
#include <stdio.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/seal.h"

void cr_manifest_name(const struct cr_uid *writer,
		      const struct cr_uid *incarnation, uint64_t seq,
		      char out[CR_MANIFEST_NAME_LEN])
{
	(void)snprintf(out, CR_MANIFEST_NAME_LEN, "snapshots/%s/%s-%" PRIu64,
		       cr_uid_hex(writer).text, cr_uid_hex(incarnation).text,
		       seq);
}

int cr_manifest_name_parse(const char *writer, const char *name,
			   struct cr_uid *writer_id, struct cr_uid *incarnation,
			   uint64_t *seq)
{
	char hex[2 * CR_UID_LEN + 1] = { 0 };
	uint64_t value = 0;
	const char *p;

	if (cr_unhex(writer, writer_id->bytes, CR_UID_LEN) < 0 ||
	    strnlen(name, 2 * CR_UID_LEN + 2) < 2 * CR_UID_LEN + 2)
		return -EINVAL;
	memcpy(hex, name, 2 * CR_UID_LEN);
	p = name + 2 * CR_UID_LEN;
	if (cr_unhex(hex, incarnation->bytes, CR_UID_LEN) < 0 || *p++ != '-' ||
	    *p == '0')
		return -EINVAL;
	for (; *p; p++)
		if (*p < '0' || *p > '9' ||
		    __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -EINVAL;
	*seq = value;
	return 0;
}

static int check_head(const struct cr_repo *repo, const char *name,
		      const struct cr_buf *bytes,
		      const struct cr_manifest_head *head)
{
	const struct cr_roster_key *key = cr_repo_key(repo, &head->writer);
	char want[CR_MANIFEST_NAME_LEN];
	struct cr_signature sig;
	struct cr_id hash;
	size_t signed_len = bytes->len - CR_SIGN_LEN;

	cr_manifest_name(&head->writer, &head->incarnation, head->seq, want);
	if (!cr_uid_equal(&head->repository, &repo->info.id))
		return cr_fail(CR_ECORRUPT, "%s: of another repository", name);
	if (strcmp(want, name) != 0)
		return cr_fail(CR_ECORRUPT, "%s: says that it is %s", name,
			       want);
	if (!key || key->role == CR_ROLE_READ)
		return cr_fail(CR_ETAMPER,
			       "%s: signed by a key that was never admitted",
			       name);
	memcpy(sig.bytes, bytes->bytes + signed_len, sizeof(sig.bytes));
	hash = cr_hash_bytes("manifest-sig", bytes->bytes, signed_len);
	if (cr_sign_verify(&key->sign_pk, "sign-manifest", &hash, &sig) < 0)
		return cr_fail(CR_EAUTH,
			       "%s: damaged: the signature does not verify",
			       name);
	return 0;
}

int cr_manifest_read_head(const struct cr_repo *repo, const char *name,
			  struct cr_buf *bytes, struct cr_manifest_head *head,
			  struct cr_id *id)
{
	int r;

	cr_buf_clear(bytes);
	r = cr_storage_get(repo->storage, name, CR_MANIFEST_MAX, bytes);
	if (r == -ENOENT)
		return cr_fail(CR_EMISSING, "%s is missing", name);
	if (r < 0)
		return r;
	*id = cr_hash_bytes("manifest", bytes->bytes, bytes->len);
	r = cr_manifest_head_parse(
		(struct cr_piece){ bytes->bytes, bytes->len }, head);
	if (r == -CR_ECORRUPT)
		return cr_fail(CR_ECORRUPT, "%s: damaged", name);
	if (r < 0)
		return r;
	return check_head(repo, name, bytes, head);
}

int cr_manifest_open_body(const struct cr_repo *repo, const char *name,
			  const struct cr_buf *bytes,
			  const struct cr_manifest_head *head,
			  struct cr_manifest *ret)
{
	cr_cleanup(cr_manifest_release) struct cr_manifest manifest = { 0 };
	struct cr_buf *plain = calloc(1, sizeof(*plain));
	struct cr_piece ad = { bytes->bytes, CR_MANIFEST_HEAD_LEN };
	struct cr_piece sealed = { bytes->bytes + CR_MANIFEST_HEAD_LEN,
				   (size_t)head->body_len + CR_SEAL_OVERHEAD };
	struct cr_key key;
	int r;

	manifest.body = plain; /* released with the manifest */
	if (!plain)
		return -ENOMEM;
	r = cr_keyring_manifest_key(repo->keys->ring, head, &key);
	if (r < 0)
		return r;
	r = cr_open_append(&key, ad, sealed, plain);
	cr_wipe(&key, sizeof(key));
	if (r == -CR_EAUTH)
		return cr_fail(CR_EAUTH, "%s: the body does not open", name);
	if (r < 0)
		return r;
	r = cr_manifest_parse((struct cr_piece){ plain->bytes, plain->len },
			      &manifest);
	manifest.body = plain;
	if (r < 0)
		return r;
	if (!cr_id_equal(&manifest.repository_hash, &repo->hash))
		return cr_fail(CR_ETAMPER, "%s: names another `repository`",
			       name);
	*ret = cr_take(manifest);
	return 0;
}
