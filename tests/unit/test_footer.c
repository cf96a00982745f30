/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/footer.h"

#include "store/base/buf.h"
#include "store/codec/footer_encode.h"
#include "store/codec/pack_header_encode.h"
#include "tests/unit/laws.h"

enum { BAD = -CR_ECORRUPT, DATA = CR_PACK_DATA, META = CR_PACK_META };

/* One block as a table row says it; all its chunks are of one type. */
struct block {
	uint8_t coding;
	uint32_t payload, raw, chunks;
	uint8_t type;
};

static void put_block(const struct block *block, struct cr_buf *out)
{
	uint8_t fixed[CR_NONCE_LEN + CR_TAG_LEN + CR_ID_LEN];

	law_fill(fixed, sizeof(fixed), 7);
	cr_buf_u8(out, block->coding);
	cr_buf_varint(out, block->payload);
	cr_buf_varint(out, block->raw);
	cr_buf_put(out, fixed, sizeof(fixed));
	cr_buf_varint(out, block->chunks);
	for (uint32_t i = 0; i < block->chunks && i < 70000; i++) {
		struct cr_id id = law_id(i);

		cr_buf_u8(out, block->type);
		cr_buf_id(out, &id);
	}
}

static void put_footer(const struct block *block, uint64_t blocks,
		       uint64_t listed, struct cr_buf *out)
{
	struct cr_id commitment = law_id(100);
	uint8_t signature[CR_SIGN_LEN];

	law_fill(signature, sizeof(signature), 200);
	cr_buf_id(out, &commitment);
	cr_buf_varint(out, blocks);
	for (uint64_t i = 0; i < listed; i++)
		put_block(&block[i], out);
	cr_buf_put(out, signature, sizeof(signature));
	assert_int_equal(cr_buf_error(out), 0);
}

static void a_block_keeps_its_bounds(void **state)
{
	static const struct {
		const char *what;
		int kind;
		struct block block;
		uint64_t stored; /* bytes in the pack */
		int want;
		const char *said;
	} cases[] = {
		{ "one raw byte", DATA, { 0, 3, 3, 1, 1 }, 4096, 0, "" },
		{ "an aligned block",
		  DATA,
		  { 0, 4096, 4096, 1, 1 },
		  4096,
		  0,
		  "" },
		{ "a byte more", DATA, { 0, 4097, 4097, 1, 1 }, 8192, 0, "" },
		{ "zstd", DATA, { 1, 3, 4, 1, 2 }, 4096, 0, "" },
		{ "the largest",
		  META,
		  { 0, 1 << 21, 1 << 21, 1, 3 },
		  1 << 21,
		  0,
		  "" },
		{ "most chunks",
		  META,
		  { 1, 9, 1 << 21, 65535, 10 },
		  4096,
		  0,
		  "" },
		{ "padding", DATA, { 0, 5, 1, 0, 0 }, 5, 0, "" },
		{ "the largest padding",
		  META,
		  { 0, 4 << 20, 1, 0, 0 },
		  4 << 20,
		  0,
		  "" },

		{ "coding 2", DATA, { 2, 3, 4, 1, 1 }, 4096, BAD, "coding 2" },
		{ "no payload",
		  DATA,
		  { 1, 0, 4, 1, 1 },
		  0,
		  BAD,
		  "block 0: payload of 0 bytes" },
		{ "payload too large",
		  DATA,
		  { 0, (1 << 21) + 1, 1 << 21, 1, 1 },
		  (1 << 21) + 4096,
		  BAD,
		  "payload of 2097153 bytes" },
		{ "payload out of bounds",
		  DATA,
		  { 0, (4 << 20) + 1, 1, 0, 1 },
		  (4 << 20) + 1,
		  BAD,
		  "out of bounds" },
		{ "no padding at all",
		  DATA,
		  { 0, 0, 1, 0, 0 },
		  0,
		  BAD,
		  "payload of 0 bytes" },
		{ "nothing raw",
		  DATA,
		  { 0, 1, 0, 1, 1 },
		  4096,
		  BAD,
		  "0 raw bytes" },
		{ "raw too large",
		  DATA,
		  { 1, 9, (2 << 20) + 1, 1, 1 },
		  4096,
		  BAD,
		  "out of bounds" },
		{ "raw and shorter",
		  DATA,
		  { 0, 3, 4, 1, 1 },
		  4096,
		  BAD,
		  "payload of 3 bytes for 4" },
		{ "raw and longer",
		  DATA,
		  { 0, 4, 3, 1, 1 },
		  4096,
		  BAD,
		  "payload of 4 bytes for 3" },
		{ "zstd and no shorter",
		  DATA,
		  { 1, 4, 4, 1, 1 },
		  4096,
		  BAD,
		  "coding 1" },
		{ "compressed padding",
		  DATA,
		  { 1, 1, 1, 0, 0 },
		  1,
		  BAD,
		  "coding 1" },
		{ "padding with content",
		  DATA,
		  { 0, 2, 2, 0, 0 },
		  2,
		  BAD,
		  "in 0 chunks" },
		{ "chunks too many",
		  META,
		  { 1, 9, 99, 65536, 3 },
		  4096,
		  BAD,
		  "out of bounds" },
		{ "metadata in a data pack",
		  DATA,
		  { 0, 3, 3, 1, 3 },
		  4096,
		  BAD,
		  "type 3" },
		{ "data in a metadata pack",
		  META,
		  { 0, 3, 3, 1, 1 },
		  4096,
		  BAD,
		  "type 1" },
		{ "inline in a metadata pack",
		  META,
		  { 0, 3, 3, 1, 2 },
		  4096,
		  BAD,
		  "type 2" },
		{ "type 0", DATA, { 0, 3, 3, 1, 0 }, 4096, BAD, "type 0" },
		{ "type 11", META, { 0, 3, 3, 1, 11 }, 4096, BAD, "type 11" },
		{ "short of the data",
		  DATA,
		  { 0, 3, 3, 1, 1 },
		  4097,
		  BAD,
		  "blocks end at 4352, data at 4353" },
		{ "beyond the data",
		  DATA,
		  { 0, 3, 3, 1, 1 },
		  4095,
		  BAD,
		  "blocks end at 4352, data at 4351" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_footer_release) struct cr_footer footer = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

		unit_case(cases[i].what);
		put_footer(&cases[i].block, 1, 1, &buf);
		law_verdict(
			cr_footer_parse((struct cr_piece){ buf.bytes, buf.len },
					(enum cr_pack_kind)cases[i].kind,
					CR_PACK_HEADER_LEN + cases[i].stored,
					&footer),
			cases[i].want, cases[i].said);
		assert_int_equal(footer.blocks, cases[i].want == 0);
		if (cases[i].want == 0)
			assert_int_equal(footer.chunks, cases[i].block.chunks);
	}
}

static void a_count_must_fit_the_bytes(void **state)
{
	static const struct block one = { 0, 3, 3, 1, 1 };
	static const struct {
		const char *what;
		uint64_t blocks, listed;
		const char *said;
	} cases[] = {
		{ "no block", 0, 1, "0 blocks" },
		{ "counted, not listed", 2, 1, "2 blocks" },
		{ "more than there may be", 65537, 1, "65537 blocks" },
		{ "a count that wraps", UINT64_MAX / 76 + 1, 1, "blocks in" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_footer footer;

		unit_case(cases[i].what);
		put_footer(&one, cases[i].blocks, cases[i].listed, &buf);
		law_verdict(
			cr_footer_parse((struct cr_piece){ buf.bytes, buf.len },
					CR_PACK_DATA, CR_PACK_HEADER_LEN + 4096,
					&footer),
			BAD, cases[i].said);
	}
}

static const struct block three[] = { { 0, 3, 3, 1, 1 },
				      { 1, 5000, 9000, 3, 2 },
				      { 0, 77, 1, 0, 0 } };
#define THREE_END (CR_PACK_HEADER_LEN + 4096u + 8192u + 77u)

static int parse_three(struct cr_piece bytes)
{
	cr_cleanup(cr_footer_release) struct cr_footer footer = { 0 };

	return cr_footer_parse(bytes, CR_PACK_DATA, THREE_END, &footer);
}

static void blocks_lie_end_to_end(void **state)
{
	cr_cleanup(cr_footer_release) struct cr_footer footer = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

	(void)state;
	put_footer(three, 3, 3, &buf);
	assert_int_equal(
		cr_footer_parse((struct cr_piece){ buf.bytes, buf.len },
				CR_PACK_DATA, THREE_END, &footer),
		0);
	assert_int_equal(footer.blocks, 3);
	assert_int_equal(footer.chunks, 4);
	assert_int_equal(footer.block[0].offset, 256);
	assert_int_equal(footer.block[1].offset, 256 + 4096);
	assert_int_equal(footer.block[2].offset, 256 + 4096 + 8192);
	assert_int_equal(footer.block[1].first, 1);
	assert_int_equal(footer.block[2].first, 4);
	assert_int_equal(footer.chunk[3].type, 2);
	assert_int_equal(footer.chunk[3].id.bytes[0], 2);
}

static void a_footer_is_whole_or_nothing(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

	(void)state;
	put_footer(three, 3, 3, &buf);
	law_no_prefix_parses((struct cr_piece){ buf.bytes, buf.len },
			     parse_three);
	law_no_byte_may_follow((struct cr_piece){ buf.bytes, buf.len },
			       parse_three);
}

static void a_footer_has_at_most_65536_blocks(void **state)
{
	static struct block padding[CR_PACK_BLOCKS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(padding); i++)
		padding[i] = (struct block){ 0, 1, 1, 0, 0 };
	for (uint32_t over = 0; over < 2; over++) {
		cr_cleanup(cr_footer_release) struct cr_footer footer = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		uint32_t n = CR_PACK_BLOCKS_MAX + over;

		put_footer(padding, n, n, &buf);
		law_verdict(
			cr_footer_parse((struct cr_piece){ buf.bytes, buf.len },
					CR_PACK_META, CR_PACK_HEADER_LEN + n,
					&footer),
			over ? BAD : 0, "65537 blocks");
	}
}

static void a_footer_has_a_greatest_length(void **state)
{
	static const struct block one = { 0, 3, 3, 1, 1 };
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	struct cr_footer footer;

	(void)state;
	put_footer(&one, 1, 1, &buf);
	cr_buf_zero(&buf, CR_FOOTER_MAX - CR_SEAL_OVERHEAD + 1 - buf.len);
	assert_int_equal(cr_buf_error(&buf), 0);
	law_verdict(cr_footer_parse((struct cr_piece){ buf.bytes, buf.len },
				    CR_PACK_DATA, CR_PACK_HEADER_LEN + 4096,
				    &footer),
		    BAD, "footer: 67108825 bytes");
	law_verdict(cr_footer_parse((struct cr_piece){ buf.bytes, buf.len - 1 },
				    CR_PACK_DATA, CR_PACK_HEADER_LEN + 4096,
				    &footer),
		    BAD, "after the last block");
}

static void what_is_parsed_is_encoded_again(void **state)
{
	cr_cleanup(cr_footer_release) struct cr_footer footer = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	struct cr_id body_hash;

	(void)state;
	put_footer(three, 3, 3, &buf);
	assert_int_equal(
		cr_footer_parse((struct cr_piece){ buf.bytes, buf.len },
				CR_PACK_DATA, THREE_END, &footer),
		0);
	assert_int_equal(cr_footer_encode(&footer, &again), 0);
	assert_int_equal(again.len, buf.len - CR_SIGN_LEN);
	assert_memory_equal(again.bytes, buf.bytes, again.len);
	assert_memory_equal(footer.signature.bytes, buf.bytes + again.len,
			    CR_SIGN_LEN);
	body_hash = cr_hash_bytes("footer-body", again.bytes, again.len);
	assert_true(cr_id_equal(&footer.body_hash, &body_hash));
}

static struct cr_pack_header sample_header(void)
{
	return (struct cr_pack_header){
		.kind = CR_PACK_META,
		.repository = law_uid(1),
		.pack = law_uid(2),
		.writer = law_uid(3),
		.epoch = 1,
	};
}

static void a_signature_binds_header_and_body(void **state)
{
	const struct cr_pack_header header = sample_header();
	const struct cr_id commitment = law_id(4), body = law_id(5);
	uint8_t bytes[CR_PACK_HEADER_LEN];
	struct cr_id hash, header_hash;
	cr_cleanup(cr_buf_release) struct cr_buf said = { 0 };

	(void)state;
	cr_pack_header_encode(&header, bytes);
	hash = cr_footer_signed_hash(bytes, &header, &commitment, &body);

	header_hash = cr_hash_bytes("pack-header", bytes, sizeof(bytes));
	cr_buf_put(&said, "\1\0\0\0\1\0\2", 7);
	cr_buf_uid(&said, &header.repository);
	cr_buf_uid(&said, &header.pack);
	cr_buf_uid(&said, &header.writer);
	cr_buf_id(&said, &header_hash);
	cr_buf_id(&said, &commitment);
	cr_buf_id(&said, &body);
	header_hash = cr_hash_bytes("footer-sig", said.bytes, said.len);
	assert_true(cr_id_equal(&hash, &header_hash));
}

static void a_block_is_bound_to_its_place(void **state)
{
	const struct cr_pack_header header = sample_header();
	const struct cr_footer_block block = { .coding = CR_CODING_ZSTD,
					       .payload_len = 0x010203,
					       .raw_len = 0x1f1e1d,
					       .chunks = 1 };
	uint8_t ad[CR_BLOCK_AD_LEN];

	(void)state;
	cr_block_ad(&header, 0xabcd, &block, ad);
	assert_memory_equal(ad, &header.repository, 16);
	assert_memory_equal(ad + 16, &header.pack, 16);
	assert_memory_equal(ad + 32,
			    "\xcd\xab\0\0\2\1\x03\x02\x01\0\x1d\x1e\x1f\0", 14);
}

/* A pack's length, from those of blocks and sealed footer. */
static uint64_t pack_len(uint64_t data_end, uint32_t footer_len)
{
	uint64_t end = data_end + footer_len;

	return end + (end + CR_SHARD_LEN - 1) / CR_SHARD_LEN * 8 +
	       CR_TRAILER_TAIL_LEN;
}

static void the_footer_lies_where_the_lengths_say(void **state)
{
	enum { LEAST = 32 + 1 + 76 + 64 + 40 };
	static const struct {
		const char *what;
		uint64_t pack_len;
		uint32_t footer_len;
		uint64_t want; /* 0: refused */
		const char *said;
	} cases[] = {
		{ "the least", 257 + LEAST + 8 + 288, LEAST, 257, "" },
		{ "no block", 256 + LEAST + 8 + 288, LEAST, 0, "footer of" },
		{ "a shard", 65536 + 8 + 288, LEAST, 65536 - LEAST, "" },
		{ "a shard and a byte", 65537 + 16 + 288, LEAST, 65537 - LEAST,
		  "" },
		{ "a hash for no shard", 65536 + 16 + 288, LEAST, 0,
		  "no pack has" },
		{ "part of a hash", 65536 + 9 + 288, LEAST, 0, "no pack has" },
		{ "less than a trailer", 288, LEAST, 0, "pack of 288" },
		{ "a trailer and a byte", 289, LEAST, 0, "no pack has" },
		{ "nothing", 0, LEAST, 0, "pack of 0" },
		{ "too large", CR_PACK_MAX + 1ull, LEAST, 0, "pack of" },
		{ "as large as numbers go", UINT64_MAX, LEAST, 0, "pack of" },
		{ "a small footer", 65536 + 8 + 288, LEAST - 1, 0,
		  "footer of" },
		{ "a large footer", CR_PACK_MAX, CR_FOOTER_MAX + 1, 0,
		  "footer of" },
		{ "the largest footer", CR_PACK_MAX, CR_FOOTER_MAX,
		  CR_PACK_MAX - 288 - 4096 * 8 - CR_FOOTER_MAX, "" },
		{ "all footer", 65536 + 8 + 288, 65536 - 256, 0, "footer of" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint64_t place = 0;

		unit_case(cases[i].what);
		law_verdict(cr_footer_place(cases[i].pack_len,
					    cases[i].footer_len, &place),
			    cases[i].want ? 0 : BAD, cases[i].said);
		assert_true(place == cases[i].want);
	}
	for (uint64_t end = 1000; end < 40000000; end += 65521) {
		uint64_t place = 0;

		assert_int_equal(
			cr_footer_place(pack_len(end, 777), 777, &place), 0);
		assert_true(place == end);
	}
}

/* A trailer over two shards. */
static void put_trailer(struct cr_buf *out)
{
	static const uint64_t shard[] = { 0x1122334455667788, 99 };
	struct cr_trailer trailer = { .footer_offset = 70000,
				      .footer_len = 300,
				      .shards = 2 };

	law_fill(trailer.header, sizeof(trailer.header), 0);
	assert_int_equal(cr_trailer_encode(&trailer, shard, out), 0);
}

static void a_trailer_agrees_with_the_pack(void **state)
{
	enum {
		OFFSET = CR_PACK_HEADER_LEN,
		LEN = OFFSET + 8,
		SHARDS = LEN + 4,
		MAGIC = SHARDS + 4 + 8,
	};
	static const struct {
		const char *what;
		size_t at; /* the byte that is flipped, from the tail on */
		int64_t slack;
		const char *said;
	} cases[] = {
		{ "the magic", MAGIC, 0, "caprockT" },
		{ "the magic's end", MAGIC + 7, 0, "caprockT" },
		{ "the footer's place", OFFSET, 0, "footer of 300 bytes at" },
		{ "a place beyond", OFFSET + 7, 0, "footer of 300 bytes at" },
		{ "the footer's length", LEN, 0, "footer of 301 bytes at" },
		{ "a length beyond", LEN + 3, 0, "footer of" },
		{ "the shards", SHARDS, 0, "3 shards" },
		{ "shards beyond", SHARDS + 3, 0, "shards" },
		{ "a longer pack", SIZE_MAX, 1, "footer of" },
		{ "a shorter pack", SIZE_MAX, -1, "footer of" },
	};
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	uint64_t len = 70000 + 300 + 16 + CR_TRAILER_TAIL_LEN;
	struct cr_trailer ret;

	(void)state;
	put_trailer(&buf);
	assert_int_equal(buf.len, 16 + CR_TRAILER_TAIL_LEN);
	assert_int_equal(cr_trailer_parse(buf.bytes + 16, len, &ret), 0);
	assert_int_equal(ret.footer_offset, 70000);
	assert_int_equal(ret.footer_len, 300);
	assert_int_equal(ret.shards, 2);
	assert_memory_equal(ret.header, buf.bytes + 16, CR_PACK_HEADER_LEN);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint8_t tail[CR_TRAILER_TAIL_LEN];

		unit_case(cases[i].what);
		memcpy(tail, buf.bytes + 16, sizeof(tail));
		if (cases[i].at < sizeof(tail))
			tail[cases[i].at] ^= 1;
		law_verdict(cr_trailer_parse(
				    tail, len + (uint64_t)cases[i].slack, &ret),
			    BAD, cases[i].said);
	}
}

static int check_trailer(struct cr_piece whole)
{
	return cr_trailer_check(whole);
}

static void a_trailer_proves_itself(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

	(void)state;
	put_trailer(&buf);
	law_no_prefix_parses((struct cr_piece){ buf.bytes, buf.len },
			     check_trailer);
	law_no_byte_may_follow((struct cr_piece){ buf.bytes, buf.len },
			       check_trailer);
	for (size_t i = 0; i < buf.len; i++) {
		buf.bytes[i] ^= 0x10;
		law_verdict(cr_trailer_check(
				    (struct cr_piece){ buf.bytes, buf.len }),
			    BAD, i < buf.len - 8 ? "sum is wrong" : "caprockT");
		buf.bytes[i] ^= 0x10;
	}
	/* Whole words, but without the first shard's hash. */
	law_verdict(cr_trailer_check(
			    (struct cr_piece){ buf.bytes + 8, buf.len - 8 }),
		    BAD, "sum is wrong");
}

static void shards_are_hashed_with_xxh3(void **state)
{
	(void)state;
	/* From xxHash's own test vectors. */
	assert_true(cr_shard_hash("", 0) == 0x2d06800538d394c2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_keeps_its_bounds),
		cmocka_unit_test(a_count_must_fit_the_bytes),
		cmocka_unit_test(blocks_lie_end_to_end),
		cmocka_unit_test(a_footer_is_whole_or_nothing),
		cmocka_unit_test(a_footer_has_at_most_65536_blocks),
		cmocka_unit_test(a_footer_has_a_greatest_length),
		cmocka_unit_test(what_is_parsed_is_encoded_again),
		cmocka_unit_test(a_signature_binds_header_and_body),
		cmocka_unit_test(a_block_is_bound_to_its_place),
		cmocka_unit_test(the_footer_lies_where_the_lengths_say),
		cmocka_unit_test(a_trailer_agrees_with_the_pack),
		cmocka_unit_test(a_trailer_proves_itself),
		cmocka_unit_test(shards_are_hashed_with_xxh3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
