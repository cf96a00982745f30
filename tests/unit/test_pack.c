/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the packer writes, the pack reads: and nothing else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/codec/compress.h"
#include "store/disk/pack.h"
#include "store/write/pack_out.h"
#include "tests/unit/made_repo.h"

#define BLOCKS 3
#define CHUNKS 5 /* a block */

static struct made_repo made;
static struct cr_compressor *comp;
static struct cr_decompressor *dec;
static struct cr_uid pack_id;
static uint64_t pack_len;
static unsigned int published;

static int packed(void *arg, const struct cr_packed *p)
{
	(void)arg;
	pack_id = p->header->pack;
	pack_len = p->len;
	published++;
	return 0;
}

/* Chunk @n of block @b: text that compresses, or noise. */
static size_t chunk_bytes(unsigned int b, unsigned int n, uint8_t *out)
{
	size_t len = 100 + 1000 * b + 37 * n;

	if (b == 1) {
		cr_random(out, len);
		memcpy(out, &n, sizeof(n));
		return len;
	}
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)((unsigned char)"caprock"[i % 7] + b + n);
	return len;
}

static struct cr_id ids[BLOCKS][CHUNKS];
static uint8_t content[BLOCKS][CHUNKS][8192];
static size_t lengths[BLOCKS][CHUNKS];

static void add_block(struct cr_packer *packer, unsigned int b)
{
	const struct cr_domain_keys *domain = cr_keyring_domain_keys(
		made.repo->keys->ring,
		cr_keyring_domain(made.repo->keys->ring));
	struct cr_open_block block = { 0 };

	for (unsigned int n = 0; n < CHUNKS; n++) {
		lengths[b][n] = chunk_bytes(b, n, content[b][n]);
		ids[b][n] = cr_chunk_id(&domain->id_key, CR_CHUNK_DATA,
					content[b][n], lengths[b][n]);
		assert_int_equal(
			cr_open_block_add(&block, CR_CHUNK_DATA, &ids[b][n],
					  (struct cr_piece){ content[b][n],
							     lengths[b][n] }),
			0);
	}
	assert_int_equal(cr_packer_put(packer, &block, comp), 0);
	assert_int_equal(block.count, 0);
	cr_open_block_release(&block);
}

static int setup(void **state)
{
	struct cr_packer_options opt = { .kind = CR_PACK_DATA,
					 .target = CR_PACK_DATA_TARGET,
					 .packed = packed };
	struct cr_packer *packer;

	(void)state;
	made_init(&made);
	assert_int_equal(cr_compressor_new(3, &comp), 0);
	assert_int_equal(cr_decompressor_new(&dec), 0);
	opt.repo = made.repo;
	opt.storage = made.w;
	published = 0;
	assert_int_equal(cr_packer_new(&opt, &packer), 0);
	for (unsigned int b = 0; b < BLOCKS; b++)
		add_block(packer, b);
	assert_int_equal(cr_packer_finish(packer), 0);
	assert_int_equal(published, 1);
	cr_packer_free(packer);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_compressor_free(comp);
	cr_decompressor_free(dec);
	made_release(&made);
	return 0;
}

static int open_pack(struct cr_pack **ret)
{
	return cr_pack_open(made.repo, CR_PACK_DATA, &pack_id, ret);
}

static void every_chunk_comes_back(void **state)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;

	(void)state;
	assert_int_equal(open_pack(&pack), 0);
	assert_int_equal(cr_pack_len(pack), pack_len);
	for (unsigned int b = 0; b < BLOCKS; b++) {
		cr_cleanup(cr_block_freep) struct cr_block *block = NULL;

		assert_int_equal(cr_pack_read(pack, b, dec, NULL, &block), 0);
		for (uint32_t n = 0; n < CHUNKS; n++) {
			struct cr_piece chunk = cr_block_chunk(block, n);
			struct cr_place place;

			assert_int_equal(chunk.len, lengths[b][n]);
			assert_memory_equal(chunk.bytes, content[b][n],
					    chunk.len);
			assert_true(cr_pack_find(pack, &ids[b][n],
						 CR_CHUNK_DATA, &place));
			assert_int_equal(place.block, b);
			assert_int_equal(place.slot, n);
		}
	}
}

static void type_belongs_to_the_name(void **state)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	struct cr_place place = { 0, 0 };
	struct cr_id other = ids[0][0];

	(void)state;
	other.bytes[31] ^= 1;
	assert_int_equal(open_pack(&pack), 0);
	assert_true(cr_pack_holds(pack, &place, &ids[0][0], CR_CHUNK_DATA));
	assert_false(cr_pack_holds(pack, &place, &ids[0][0], CR_CHUNK_INLINE));
	assert_false(cr_pack_holds(pack, &place, &other, CR_CHUNK_DATA));
	assert_false(cr_pack_find(pack, &other, CR_CHUNK_DATA, &place));
	place = (struct cr_place){ BLOCKS + 1, 0 };
	assert_false(cr_pack_holds(pack, &place, &ids[0][0], CR_CHUNK_DATA));
	place = (struct cr_place){ 0, CHUNKS };
	assert_false(cr_pack_holds(pack, &place, &ids[0][0], CR_CHUNK_DATA));
}

static void length_is_one_that_padme_allows(void **state)
{
	struct stat st;
	char name[CR_PACK_NAME_LEN];

	(void)state;
	cr_pack_name(CR_PACK_DATA, &pack_id, name);
	assert_int_equal(
		fstatat(cr_storage_fd(made.repo->storage), name, &st, 0), 0);
	assert_int_equal((uint64_t)st.st_size, pack_len);
	assert_int_equal(cr_padme(pack_len), pack_len);
}

/* The pack's file, to change it; packs are 0400 for who is not root. */
static int pack_fd(void)
{
	char name[CR_PACK_NAME_LEN];
	int fd;

	cr_pack_name(CR_PACK_DATA, &pack_id, name);
	fd = openat(cr_storage_fd(made.repo->storage), name,
		    O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void flip(uint64_t at)
{
	cr_cleanup(cr_closep) int fd = pack_fd();
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

/* How many blocks can be read, and all that can be are right. */
static unsigned int readable(void)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	unsigned int good = 0;

	if (open_pack(&pack) < 0)
		return 0;
	for (unsigned int b = 0; b < BLOCKS; b++) {
		cr_cleanup(cr_block_freep) struct cr_block *block = NULL;
		int r = cr_pack_read(pack, b, dec, NULL, &block);

		if (r < 0) {
			assert_true(cr_is_damage(r));
			continue;
		}
		good++;
		for (uint32_t n = 0; n < CHUNKS; n++)
			assert_memory_equal(cr_block_chunk(block, n).bytes,
					    content[b][n], lengths[b][n]);
	}
	return good;
}

static void flipped_byte_never_gives_wrong_bytes(void **state)
{
	unsigned int some = 0, none = 0;

	(void)state;
	for (uint64_t at = 0; at < pack_len; at += 61) {
		unsigned int good;

		flip(at);
		good = readable();
		flip(at);
		assert_true(good == 0 || good >= BLOCKS - 1);
		some += good == BLOCKS - 1;
		none += good == 0;
	}
	/* Blocks are most of it; footer and trailer the rest. */
	assert_true(some > 10);
	assert_true(none > 0);
	assert_int_equal(readable(), BLOCKS);
}

static void header_has_a_second_copy(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < CR_PACK_HEADER_LEN; at += 3) {
		flip(at);
		assert_int_equal(readable(), BLOCKS);
		flip(at);
	}
}

static void cut_pack_is_damage(void **state)
{
	static const uint64_t keep[] = { 0, 1, 255, 256, 400, 4096 };
	cr_cleanup(cr_closep) int fd = pack_fd();

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(keep); i++) {
		struct cr_pack *pack = NULL;

		assert_int_equal(ftruncate(fd, (off_t)keep[i]), 0);
		assert_true(cr_is_damage(open_pack(&pack)));
		assert_null(pack);
	}
}

static void missing_pack_is_named(void **state)
{
	struct cr_pack *pack = NULL;
	char name[CR_PACK_NAME_LEN];

	(void)state;
	pack_id.bytes[3] ^= 1;
	cr_pack_name(CR_PACK_DATA, &pack_id, name);
	assert_int_equal(open_pack(&pack), -CR_EMISSING);
	assert_non_null(strstr(cr_detail(), name));
}

static void put_key_reads_footers_only(void **state)
{
	struct cr_credentials cred;
	struct cr_block *block = NULL;
	struct cr_pack *pack = NULL;
	struct cr_uid owner = *cr_keyring_id(made.repo->keys->ring), key;
	const struct cr_key_request request = {
		.role = CR_ROLE_PUT,
		.label = "put",
		.source = &(const char *){ "pc" },
		.sources = 1,
		.share = &owner,
	};
	struct cr_repo *as_put;

	(void)state;
	cred = made_add(&made, &request, &key);
	as_put = made_open(&made, &cred);
	assert_int_equal(cr_pack_open(as_put, CR_PACK_DATA, &pack_id, &pack),
			 0);
	assert_int_equal(cr_pack_read(pack, 0, dec, NULL, &block),
			 -CR_ECAPABILITY);
	assert_null(block);
	cr_pack_close(pack);
	cr_repo_close(as_put);
	cr_secret_release(&cred.key_file);
}

static void key_of_another_domain_opens_nothing(void **state)
{
	struct cr_pack *pack = NULL;
	struct cr_credentials cred;
	struct cr_repo *as_put;
	struct cr_uid key;

	(void)state;
	cred = made_add_put(&made, "pc", &key);
	as_put = made_open(&made, &cred);
	assert_int_equal(cr_pack_open(as_put, CR_PACK_DATA, &pack_id, &pack),
			 -CR_ECAPABILITY);
	assert_null(pack);
	cr_repo_close(as_put);
	cr_secret_release(&cred.key_file);
}

static void padme_keeps_few_lengths(void **state)
{
	/* From the definition in FORMAT.md section 6, by hand. */
	static const uint64_t cases[][2] = {
		{ 1, 1 },
		{ 2, 2 },
		{ 9, 10 },
		{ 1000, 1024 },
		{ 4096, 4096 },
		{ 4097, 4352 },
		{ 33554432, 33554432 },
		{ 33554433, 34603008 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++)
		assert_int_equal(cr_padme(cases[i][0]), cases[i][1]);
	for (uint64_t len = 1; len < 1000000; len += 997) {
		assert_true(cr_padme(len) >= len);
		assert_true(cr_padme(len) <= len + len / 8 + 1);
		assert_int_equal(cr_padme(cr_padme(len)), cr_padme(len));
	}
}

/* ---- Packs of long blocks ---- */

#define LONG_LEN 200000u
#define REPEAT	 32768u

enum text { NOISE, PLAIN, TWICE };

/* A block of one chunk of LONG_LEN bytes. */
static void put_long(struct cr_packer *packer, struct cr_open_block *block,
		     enum text text, uint8_t *bytes)
{
	static unsigned int serial;
	struct cr_id id = { { 0 } };

	cr_random(bytes, text == TWICE ? REPEAT : LONG_LEN);
	for (size_t i = text == TWICE ? REPEAT : LONG_LEN; i < LONG_LEN; i++)
		bytes[i] = bytes[i - REPEAT];
	if (text == PLAIN)
		memset(bytes, 'x', LONG_LEN);
	serial++;
	memcpy(id.bytes, &serial, sizeof(serial));
	assert_int_equal(
		cr_open_block_add(block, CR_CHUNK_DATA, &id,
				  (struct cr_piece){ bytes, LONG_LEN }),
		0);
	assert_int_equal(cr_packer_put(packer, block, comp), 0);
}

static int packed_long(void *arg, const struct cr_packed *p)
{
	struct cr_uid *id = arg;

	*id = p->header->pack;
	return 0;
}

/* A pack of the @n blocks of @text, each of which is read back. */
static struct cr_pack *make_long(const enum text *text, size_t n)
{
	struct cr_uid id;
	struct cr_packer_options opt = {
		.repo = made.repo,
		.storage = made.w,
		.kind = CR_PACK_DATA,
		.target = CR_PACK_DATA_TARGET,
		.packed = packed_long,
		.arg = &id,
	};
	cr_cleanup(cr_open_block_release) struct cr_open_block block = { 0 };
	uint8_t *bytes = test_malloc(n * LONG_LEN);
	struct cr_packer *packer;
	struct cr_pack *pack;

	assert_int_equal(cr_packer_new(&opt, &packer), 0);
	for (size_t i = 0; i < n; i++)
		put_long(packer, &block, text[i], bytes + i * LONG_LEN);
	assert_int_equal(cr_packer_finish(packer), 0);
	cr_packer_free(packer);
	assert_int_equal(cr_pack_open(made.repo, CR_PACK_DATA, &id, &pack), 0);
	for (size_t i = 0; i < n; i++) {
		cr_cleanup(cr_block_freep) struct cr_block *read = NULL;
		struct cr_piece chunk;

		assert_int_equal(
			cr_pack_read(pack, (uint32_t)i, dec, NULL, &read), 0);
		chunk = cr_block_chunk(read, 0);
		assert_int_equal(chunk.len, LONG_LEN);
		assert_memory_equal(chunk.bytes, bytes + i * LONG_LEN,
				    LONG_LEN);
	}
	test_free(bytes);
	return pack;
}

static void every_shard_is_hashed_in_the_trailer(void **state)
{
	static const enum text text[] = { NOISE, PLAIN, NOISE, NOISE, TWICE };
	cr_cleanup(cr_pack_closep) struct cr_pack *pack =
		make_long(text, CR_ARRAY_LEN(text));
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	uint64_t len = cr_pack_len(pack), hash;
	uint8_t *bytes = test_malloc(len);
	const uint8_t *tail = bytes + len - CR_TRAILER_TAIL_LEN;
	struct cr_trailer trailer;
	char name[CR_PACK_NAME_LEN];
	size_t end;

	(void)state;
	cr_pack_name(CR_PACK_DATA, &cr_pack_header(pack)->pack, name);
	assert_int_equal(cr_stored_open(made.repo->storage, name, &stored), 0);
	assert_int_equal(cr_stored_read(stored, 0, bytes, len), 0);
	assert_int_equal(cr_trailer_parse(tail, len, &trailer), 0);
	assert_true(trailer.shards > 9);
	end = len - CR_TRAILER_TAIL_LEN - 8 * trailer.shards;
	for (size_t n = 0; n < trailer.shards; n++) {
		size_t at = n * CR_SHARD_LEN;

		memcpy(&hash, bytes + end + 8 * n, sizeof(hash));
		assert_true(hash ==
			    cr_shard_hash(bytes + at,
					  cr_min(end - at, CR_SHARD_LEN)));
	}
	test_free(bytes);
}

static enum cr_coding coding(const struct cr_pack *pack, size_t n)
{
	return (enum cr_coding)cr_pack_footer(pack)->block[n].coding;
}

/* After noise: text is seen to be that, and what repeats is tried in time. */
static void noise_does_not_keep_others_from_being_compressed(void **state)
{
	static const enum text text[] = {
		NOISE, NOISE, NOISE, NOISE, NOISE, NOISE, PLAIN,
		NOISE, NOISE, NOISE, NOISE, TWICE, TWICE, TWICE,
		TWICE, TWICE, TWICE, TWICE, TWICE, TWICE,
	};
	cr_cleanup(cr_pack_closep) struct cr_pack *pack =
		make_long(text, CR_ARRAY_LEN(text));

	(void)state;
	for (size_t i = 0; i < 11; i++)
		assert_int_equal(coding(pack, i),
				 i == 6 ? CR_CODING_ZSTD : CR_CODING_RAW);
	assert_int_equal(coding(pack, 18), CR_CODING_ZSTD);
	assert_int_equal(coding(pack, 19), CR_CODING_ZSTD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_chunk_comes_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(type_belongs_to_the_name, setup,
						teardown),
		cmocka_unit_test_setup_teardown(length_is_one_that_padme_allows,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			flipped_byte_never_gives_wrong_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(header_has_a_second_copy, setup,
						teardown),
		cmocka_unit_test_setup_teardown(cut_pack_is_damage, setup,
						teardown),
		cmocka_unit_test_setup_teardown(missing_pack_is_named, setup,
						teardown),
		cmocka_unit_test_setup_teardown(put_key_reads_footers_only,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			key_of_another_domain_opens_nothing, setup, teardown),
		cmocka_unit_test(padme_keeps_few_lengths),
		cmocka_unit_test_setup_teardown(
			every_shard_is_hashed_in_the_trailer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			noise_does_not_keep_others_from_being_compressed, setup,
			teardown),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
