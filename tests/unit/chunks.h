/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chunks.h - a pack of twelve chunks that tests of reading share. */
#ifndef TESTS_UNIT_CHUNKS_H
#define TESTS_UNIT_CHUNKS_H

#include "store/codec/compress.h"
#include "store/write/packer.h"
#include "tests/unit/made_repo.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

#define CHUNKS 12
#define LEN    5000

struct chunk {
	uint8_t bytes[LEN];
};

static inline struct chunk chunk_of(uint32_t n)
{
	struct unit_random rnd = { n };
	struct chunk chunk;

	unit_fill(&rnd, &chunk, sizeof(chunk));
	return chunk;
}

static inline struct cr_id id_of(const struct cr_repo *repo, uint32_t n)
{
	const struct cr_domain_keys *domain = cr_keyring_domain_keys(
		repo->keys->ring, cr_keyring_domain(repo->keys->ring));
	struct chunk chunk = chunk_of(n);

	return cr_chunk_id(&domain->id_key, CR_CHUNK_DATA, &chunk,
			   sizeof(chunk));
}

static inline int chunks_packed(void *arg, const struct cr_packed *p)
{
	*(struct cr_uid *)arg = p->header->pack;
	return 0;
}

/*
 * Publish chunks 0 to 11 as the key of @repo.  With @liar, chunk 1 has the
 * bytes of another, under its own name.
 */
static inline struct cr_uid publish(const struct made_repo *made,
				    const struct cr_repo *repo, bool liar)
{
	struct cr_uid pack = { 0 };
	struct cr_packer_options options = { .repo = repo,
					     .storage = made->w,
					     .kind = CR_PACK_DATA,
					     .target = CR_PACK_DATA_TARGET,
					     .packed = chunks_packed,
					     .arg = &pack };
	cr_cleanup(cr_open_block_release) struct cr_open_block block = { 0 };
	struct cr_compressor *comp = NULL;
	struct cr_packer *packer = NULL;

	session_ok(cr_compressor_new(1, &comp));
	session_ok(cr_packer_new(&options, &packer));
	for (uint32_t n = 0; n < CHUNKS; n++) {
		struct chunk chunk = chunk_of(liar && n == 1 ? 99 : n);
		struct cr_id id = id_of(repo, n);

		session_ok(
			cr_open_block_add(&block, CR_CHUNK_DATA, &id,
					  (struct cr_piece)CR_PIECE(&chunk)));
		if (n % 4 == 3) /* three blocks */
			session_ok(cr_packer_put(packer, &block, comp));
	}
	session_ok(cr_packer_finish(packer));
	cr_packer_free(packer);
	cr_compressor_free(comp);
	return pack;
}

/* Take chunk @n of what @look looks at, rightly; @use: what for. */
static inline void take(const struct looker *look, uint32_t n,
			enum cr_pin_use use)
{
	struct cr_id id = id_of(cr_reader_repo(look->reader), n);
	struct chunk want = chunk_of(n);
	struct cr_pin pin;

	session_ok(cr_reader_get(look->reader, &look->view, CR_CHUNK_DATA, &id,
				 NULL, &pin, NULL));
	assert_int_equal(pin.bytes.len, sizeof(want));
	assert_memory_equal(pin.bytes.bytes, &want, sizeof(want));
	pin.use = use;
	cr_pin_release(&pin);
}

/* A key that writes into the domain of the owner's. */
static inline struct cr_credentials add_sharer(struct made_repo *made,
					       struct cr_uid *key)
{
	const char *source = "web";
	struct cr_key_request request = { .role = CR_ROLE_PUT,
					  .label = "web",
					  .source = &source,
					  .sources = 1,
					  .share = cr_keyring_id(
						  made->repo->keys->ring) };

	return made_add(made, &request, key);
}

#endif
